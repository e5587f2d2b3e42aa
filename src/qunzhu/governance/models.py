"""Penalties and strikes as members and operators see them: projections of the log (rebuildable)."""

from django.db import models


class Penalty(models.Model):
    """What happened to a member for one event: the step that a rule or a human decided. Reversed, never deleted.

    `seq` is the event judged; for a human's decision on a case (`rule` is "human") it is that decision's own event.
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
    reversed_at = models.DateTimeField(null=True)
    reversed_by = models.TextField(default="")
    last_seq = models.BigIntegerField()  # the event that made or last changed this row

    class Meta:
        db_table = "penalty"
        indexes = (models.Index(fields=["community_id", "member_id", "-seq"], name="penalty_by_member"),)


class Report(models.Model):
    """A member's report about another one; a projection of the log."""

    class State(models.TextChoices):
        OPEN = "open", "待核实"
        UPHELD = "upheld", "属实"
        DISMISSED = "dismissed", "不属实"

    pk = models.CompositePrimaryKey("community_id", "seq")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()  # report.filed
    group_id = models.BigIntegerField()
    reporter_id = models.BigIntegerField()
    target_id = models.BigIntegerField()
    message_seq = models.BigIntegerField(null=True)
    reason = models.TextField(default="")
    state = models.TextField(choices=State, default=State.OPEN)
    at = models.DateTimeField()

    class Meta:
        db_table = "report"
        indexes = (models.Index(fields=["community_id", "target_id", "-seq"], name="report_by_target"),)


# The parts of this chapter keep their tables beside their code; Django looks for them here.
from qunzhu.governance.clearance.models import Clearance  # noqa: E402
from qunzhu.governance.elimination.models import LeaveTaken, MemberActivity, Observation  # noqa: E402

__all__ = ["Clearance", "LeaveTaken", "MemberActivity", "Observation", "Penalty", "Report"]
