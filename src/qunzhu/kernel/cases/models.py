"""Work for a human: evidence, buttons, a deadline. Versioned: two people cannot both decide."""

from django.db import models


class Case(models.Model):
    class State(models.TextChoices):
        OPEN = "open", "待处理"
        DECIDED = "decided", "已处理"
        EXPIRED = "expired", "已过期"
        MERGED = "merged", "已并入"

    class Urgency(models.TextChoices):
        GREY = "grey", "一般"
        YELLOW = "yellow", "黄色"
        ORANGE = "orange", "橙色"
        RED = "red", "红色"

    community_id = models.BigIntegerField()
    kind = models.TextField()  # see cases/kinds.py
    key = models.TextField()  # the same matter has one open case at a time
    title = models.TextField()
    summary = models.TextField(default="")
    urgency = models.TextField(choices=Urgency, default=Urgency.GREY)
    state = models.TextField(choices=State, default=State.OPEN)
    group_id = models.BigIntegerField(null=True)
    member_id = models.BigIntegerField(null=True)
    event_seq = models.BigIntegerField(null=True)
    evidence = models.JSONField(default=list)  # seqs
    payload = models.JSONField(default=dict)
    assigned_to = models.TextField(default="")
    deadline = models.DateTimeField(null=True)
    escalate_at = models.DateTimeField(null=True)  # when it is raised next, unless somebody acts; NULL: not again
    asked = models.TextField(default="", db_default="")  # the role it was raised to; "": whoever may decide it
    version = models.IntegerField(default=1)
    opened_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.TextField(default="")
    proposed_by = models.TextField(
        default="", db_default=""
    )  # who asked for what `decided_by` confirmed, under the two-person rule
    decided_seq = models.BigIntegerField(null=True)  # the event case.decided
    action = models.TextField(default="")
    note = models.TextField(default="")
    merged_into = models.BigIntegerField(null=True)

    class Meta:
        db_table = "case"
        constraints = (
            models.UniqueConstraint(
                fields=["community_id", "key"], condition=models.Q(state="open"), name="case_open_once"
            ),
        )
        indexes = (
            models.Index(fields=["community_id", "state", "-opened_at"], name="case_queue"),
            models.Index(fields=["community_id", "member_id"], name="case_by_member"),
            models.Index(fields=["escalate_at"], condition=models.Q(state="open"), name="case_to_escalate"),
        )


class CaseNote(models.Model):
    """What happened to a case, in order; never edited."""

    community_id = models.BigIntegerField()
    case = models.ForeignKey(Case, models.PROTECT, related_name="notes")
    at = models.DateTimeField()
    author = models.TextField()
    text = models.TextField()

    class Meta:
        db_table = "case_note"
        ordering = ("id",)


class CaseProposal(models.Model):
    """A guarded button that one person pressed and that waits for a second one; kept after it has ended."""

    class State(models.TextChoices):
        STANDING = "standing", "等第二个人确认"
        CONFIRMED = "confirmed", "已确认"
        WITHDRAWN = "withdrawn", "已撤回"
        REFUSED = "refused", "同事不同意"
        EXPIRED = "expired", "已过期"
        VOID = "void", "提议人已没有权限"
        OVERRULED = "overruled", "工单已作别的处理"

    community_id = models.BigIntegerField()
    case = models.ForeignKey(Case, models.PROTECT, related_name="proposals")
    action = models.TextField()
    guard = models.TextField()
    note = models.TextField(default="")
    proposed_by = models.TextField()
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.TextField(choices=State, default=State.STANDING)
    ended_by = models.TextField(default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "case_proposal"
        constraints = (
            models.UniqueConstraint(fields=["case"], condition=models.Q(state="standing"), name="case_proposal_once"),
        )
        indexes = (
            models.Index(
                fields=["community_id", "expires_at"],
                condition=models.Q(state="standing"),
                name="case_proposals_waiting",
            ),
        )
