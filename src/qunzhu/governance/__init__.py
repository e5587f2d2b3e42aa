"""Chapter 2 · 群规 Governance: penalties, appeals and reports as people see them; the commands 举报, 申诉 and 帮助.

Hears decision.made, penalty.given, penalty.reversed, case.decided, report.*, appeal.*, command.posted (report, appeal,
help). Writes its projections (models.py), appends report.filed, report.overturned, appeal.filed, appeal.upheld (when
settled by a reversal) and points.posted, and answers in the group. The rules themselves, also the ladder, are judged by
the consumer `order` (decision 0007).
"""
