"""Penalties, appeals, reports and how right the rules are, as members and operators see them.

All are projections of the log (rebuildable), written by `consumer.py` only.
"""

from django.db import models


class Penalty(models.Model):
    """What happened to a member for one event: the step that a rule or a human decided. Reversed, never deleted.

    `seq` is the event judged; for a human's decision on a case (`rule` is "human") it is that decision's own event,
    `of_case` its case, and `cause_seq`, `cause_rule`, `cause_version` the rule's decision that the case was about. A
    penalty given by hand is its own event (`penalty.given`) and has none of these.
    """

    class Step(models.TextChoices):
        WARN = "warn", "警告"
        MUTE = "mute", "禁言"
        REMOVE = "remove", "移出"

    pk = models.CompositePrimaryKey("community_id", "seq")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    rule = models.TextField()
    rulebook_version = models.IntegerField()
    group_id = models.BigIntegerField(null=True)
    member_id = models.BigIntegerField()
    step = models.TextField(choices=Step)
    sentence = models.TextField()
    evidence = models.JSONField(default=list)
    at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    strike = models.BooleanField(default=False)
    strike_until = models.DateTimeField(null=True)
    decided_by = models.TextField(default="")  # the human who decided; "" for a rule
    of_case = models.BigIntegerField(null=True)
    cause_seq = models.BigIntegerField(null=True)
    cause_rule = models.TextField(default="")
    cause_version = models.IntegerField(default=0)
    reversed_at = models.DateTimeField(null=True)
    reversed_by = models.TextField(default="")
    last_seq = models.BigIntegerField()  # the event that made or last changed this row

    class Meta:
        db_table = "penalty"
        indexes = (models.Index(fields=["community_id", "member_id", "-seq"], name="penalty_by_member"),)


class Appeal(models.Model):
    """A member's objection against one penalty; there is at most one."""

    class State(models.TextChoices):
        OPEN = "open", "等待答复"
        UPHELD = "upheld", "成立"
        REJECTED = "rejected", "不成立"

    pk = models.CompositePrimaryKey("community_id", "penalty_seq")
    community_id = models.BigIntegerField()
    penalty_seq = models.BigIntegerField()
    seq = models.BigIntegerField()  # appeal.filed
    case_id = models.BigIntegerField()
    rule = models.TextField()
    group_id = models.BigIntegerField(null=True)
    member_id = models.BigIntegerField()
    words = models.TextField(default="")
    at = models.DateTimeField()
    deadline = models.DateTimeField()
    state = models.TextField(choices=State, default=State.OPEN)
    first_decider = models.TextField(default="")
    decided_by = models.TextField(default="")
    decided_at = models.DateTimeField(null=True)
    answer = models.TextField(default="")
    alone = models.BooleanField(default=False)  # decided by the first decider, because nobody else could
    settled = models.BooleanField(default=False)  # the penalty was taken back before anybody looked at the appeal

    class Meta:
        db_table = "appeal"
        indexes = (
            models.Index(fields=["community_id", "-seq"], name="appeal_recent"),
            models.Index(fields=["community_id", "member_id"], name="appeal_by_member"),
        )


class Consent(models.Model):
    """A member agreed to a version of the rulebook; a projection of the log."""

    pk = models.CompositePrimaryKey("community_id", "version", "member_id")
    community_id = models.BigIntegerField()
    version = models.IntegerField()
    member_id = models.BigIntegerField()
    at = models.DateTimeField()
    via = models.TextField()  # page or chat
    seq = models.BigIntegerField()  # consent.given

    class Meta:
        db_table = "consent"
        indexes = (models.Index(fields=["community_id", "member_id", "-version"], name="consent_by_member"),)


class Report(models.Model):
    """A member's report about another one. `weight` and what it is made of are those of when it was filed."""

    class State(models.TextChoices):
        OPEN = "open", "待核实"
        UPHELD = "upheld", "属实"
        DISMISSED = "dismissed", "不属实"
        OVERTURNED = "overturned", "核实后推翻"

    pk = models.CompositePrimaryKey("community_id", "seq")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()  # report.filed
    group_id = models.BigIntegerField()
    reporter_id = models.BigIntegerField()
    target_id = models.BigIntegerField()
    message_seq = models.BigIntegerField(null=True)
    reason = models.TextField(default="")
    weight = models.FloatField(default=0)
    upheld_before = models.IntegerField(default=0)  # the reporter's reports found right, and wrong, until then
    wrong_before = models.IntegerField(default=0)
    fresh = models.BooleanField(default=False)
    ring = models.IntegerField(default=1)  # reporters who report together; they weigh like one
    state = models.TextField(choices=State, default=State.OPEN)
    case_id = models.BigIntegerField(null=True)  # the case that settled it
    at = models.DateTimeField()

    class Meta:
        db_table = "report"
        indexes = (
            models.Index(fields=["community_id", "target_id", "-seq"], name="report_by_target"),
            models.Index(fields=["community_id", "reporter_id", "-seq"], name="report_by_reporter"),
            models.Index(fields=["community_id", "case_id"], name="report_by_case"),
        )


class RuleRecord(models.Model):
    """How often a version of a rule decided something that was carried out."""

    pk = models.CompositePrimaryKey("community_id", "rule", "rulebook_version")
    community_id = models.BigIntegerField()
    rule = models.TextField()
    rulebook_version = models.IntegerField()
    decisions = models.BigIntegerField(default=0)

    class Meta:
        db_table = "rule_record"


class RuleVerdict(models.Model):
    """What humans last said of one decision of a rule: right or wrong."""

    class Source(models.TextChoices):
        CASE = "case", "工单"
        APPEAL = "appeal", "申诉"
        REVERSAL = "reversal", "撤销"

    pk = models.CompositePrimaryKey("community_id", "seq", "rule")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()  # the event judged
    rule = models.TextField()
    rulebook_version = models.IntegerField()
    member_id = models.BigIntegerField(null=True)
    held = models.BooleanField()  # the decision was right
    source = models.TextField(choices=Source)
    by = models.TextField(default="")
    at = models.DateTimeField()

    class Meta:
        db_table = "rule_verdict"
        indexes = (models.Index(fields=["community_id", "rule", "rulebook_version"], name="rule_verdict_by_rule"),)


# The parts of this chapter keep their tables beside their code; Django looks for them here.
from qunzhu.governance.clearance.models import Clearance  # noqa: E402
from qunzhu.governance.elimination.models import LeaveTaken, MemberActivity, Observation  # noqa: E402
from qunzhu.governance.quality.models import QualityMark  # noqa: E402

__all__ = [
    "Appeal", "Clearance", "LeaveTaken", "MemberActivity", "Observation", "Penalty", "QualityMark", "Report",
    "RuleRecord", "RuleVerdict",
]  # fmt: skip
