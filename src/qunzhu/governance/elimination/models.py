"""Who was when here, leaves, and observations: projections of the log (rebuildable)."""

from django.db import models


class MemberActivity(models.Model):
    """The last local day on which a member did each kind of thing that may count as an interaction."""

    pk = models.CompositePrimaryKey("community_id", "member_id")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    message_on = models.DateField(null=True)
    command_on = models.DateField(null=True)
    checkin_on = models.DateField(null=True)

    class Meta:
        app_label = "governance"
        db_table = "member_activity"


class LeaveTaken(models.Model):
    """请假: days that do not count, both ends included. One that ended before `first_day` is void."""

    pk = models.CompositePrimaryKey("community_id", "seq")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()  # leave.taken
    member_id = models.BigIntegerField()
    first_day = models.DateField()
    last_day = models.DateField()
    reason = models.TextField(default="")
    by = models.TextField()
    taken_at = models.DateTimeField()
    ended_by = models.TextField(default="")
    ended_at = models.DateTimeField(null=True)
    last_seq = models.BigIntegerField()

    class Meta:
        app_label = "governance"
        db_table = "leave_taken"
        indexes = (models.Index(fields=["community_id", "member_id", "-seq"], name="leave_by_member"),)


class Observation(models.Model):
    """One silence of a member: tagged, reviewed, moved to the observation group, back. One is open at a time."""

    class State(models.TextChoices):
        TAGGED = "tagged", "已标记"
        REVIEW = "review", "待复核"
        MOVING = "moving", "移动中"
        OBSERVED = "observed", "观察中"
        RETURNING = "returning", "返回中"
        RETURNED = "returned", "已返回"
        KEPT = "kept", "留下"
        LEAVE = "leave", "请假"
        SPOKE = "spoke", "恢复互动"
        LEFT = "left", "已离开"

    pk = models.CompositePrimaryKey("community_id", "seq")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()  # member.tagged
    member_id = models.BigIntegerField()
    state = models.TextField(choices=State, default=State.TAGGED)
    tag = models.TextField()
    days = models.IntegerField()
    last_on = models.DateField(null=True)
    joined_on = models.DateField(null=True)
    tagged_at = models.DateTimeField()
    counts_as = models.JSONField(default=list)  # what was an interaction when it was tagged
    case_id = models.BigIntegerField(null=True)
    decided_by = models.TextField(default="")
    decided_at = models.DateTimeField(null=True)
    note = models.TextField(default="")
    from_groups = models.JSONField(default=list)
    to_group = models.BigIntegerField(null=True)
    pending = models.JSONField(default=list)  # effects whose end is awaited
    problem = models.TextField(default="")  # why a move did not happen (yet)
    said = models.IntegerField(default=0)  # messages in the observation group
    moved_at = models.DateTimeField(null=True)
    why = models.TextField(default="")  # of the way back: activity, staff, joined, post
    returned_by = models.TextField(default="")
    ended_at = models.DateTimeField(null=True)
    move_seq = models.BigIntegerField(null=True)  # the event that the awaited effects follow from
    last_seq = models.BigIntegerField()

    class Meta:
        app_label = "governance"
        db_table = "observation"
        constraints = (
            models.UniqueConstraint(
                fields=["community_id", "member_id"], condition=models.Q(ended_at=None), name="observation_open_once"
            ),
        )
        indexes = (
            models.Index(fields=["community_id", "state", "-seq"], name="observation_by_state"),
            models.Index(fields=["community_id", "member_id", "-seq"], name="observation_by_member"),
        )
