"""A challenge, who takes part, what was proven on which day. Words stay in the log: a proof is the seq of an event."""

from django.db import models


class Challenge(models.Model):
    """`need` of `days` days must be proven. `group_id` None: for every group of the community."""

    class State(models.TextChoices):
        SIGNUP = "signup", "报名中"
        RUNNING = "running", "进行中"
        SETTLED = "settled", "已结算"
        CANCELLED = "cancelled", "已取消"

    id = models.BigAutoField(primary_key=True)
    community_id = models.BigIntegerField()
    key = models.TextField()  # the same form is one challenge
    group_id = models.BigIntegerField(null=True)
    name = models.TextField()
    about = models.TextField(default="")
    starts_on = models.DateField()
    days = models.IntegerField()
    need = models.IntegerField()
    stake = models.IntegerField()
    proof = models.TextField()  # any, text, picture
    buddies = models.BooleanField()
    state = models.TextField(choices=State.choices, default=State.SIGNUP)
    created_by = models.TextField()
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.TextField(default="")

    class Meta:
        app_label = "engagement"
        db_table = "challenge"
        indexes = (models.Index(fields=["community_id", "state", "id"], name="challenge_by_state"),)
        constraints = (models.UniqueConstraint(fields=["community_id", "key"], name="challenge_once"),)


class ChallengeEntry(models.Model):
    """A member in a challenge. `turn` counts how often they joined; `buddy_id` is who looks at their proofs."""

    class State(models.TextChoices):
        IN = "in", "参加中"
        OUT = "out", "已退出"
        FINISHED = "finished", "已完成"
        FAILED = "failed", "未完成"
        REFUNDED = "refunded", "已退回"

    pk = models.CompositePrimaryKey("challenge_id", "member_id")
    challenge_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    community_id = models.BigIntegerField()
    state = models.TextField(choices=State.choices, default=State.IN)
    turn = models.IntegerField(default=1)
    joined_at = models.DateTimeField()
    buddy_id = models.BigIntegerField(null=True)
    won = models.IntegerField(default=0)  # on top of the own stake

    class Meta:
        app_label = "engagement"
        db_table = "challenge_entry"
        indexes = (models.Index(fields=["community_id", "member_id"], name="challenge_entry_by_member"),)


class ChallengeProof(models.Model):
    """One day of one member. `seq` is the message (or the event of the page) that proves it."""

    class State(models.TextChoices):
        PENDING = "pending", "待认可"
        APPROVED = "approved", "已认可"
        REJECTED = "rejected", "未认可"

    pk = models.CompositePrimaryKey("challenge_id", "member_id", "day")
    challenge_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    day = models.DateField()
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    state = models.TextField(choices=State.choices)
    judged_by = models.TextField(default="")
    judged_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "engagement"
        db_table = "challenge_proof"
        indexes = (models.Index(fields=["community_id", "seq"], name="challenge_proof_by_seq"),)
