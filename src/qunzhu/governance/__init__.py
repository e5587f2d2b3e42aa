"""Chapter 2 · 群规 Governance: penalties and reports as people see them, and the commands 举报 and 帮助.

Hears decision.made, penalty.reversed, case.decided, report.filed, report.upheld, report.dismissed, command.posted
(report, help). Writes penalty and report (projections), appends report.filed, and answers in the group. The rules
themselves, also the ladder, are judged by the consumer `order` (decision 0007).
"""
