"""Chapter 7 · 数据 Analytics: rollups kept by a consumer, so that a page's cost does not grow with history.

Hears message.posted, command.posted, member.joined, member.left, member.removed, decision.made (imported history too).
Writes group_hour and member_day; appends no event.
"""
