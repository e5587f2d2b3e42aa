"""Chapter 5 · 活跃 Engagement: daily check-in with streaks, and points as a chat command.

Hears command.posted (checkin, points) and checkin.done. Writes check_in (projection of checkin.done), awards points
through the ledger, appends checkin.done and points.posted, and answers in the group. Imported history awards nothing
and answers nobody: its commands are ignored. `mall` is the points mall (积分商城), with a consumer of its own.
"""
