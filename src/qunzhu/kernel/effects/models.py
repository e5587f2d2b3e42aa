"""The outbox: what is to be done outside, written in the transaction that decided it."""

from django.db import models


class Effect(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending", "待执行"
        DONE = "done", "已执行"
        EMULATED = "emulated", "变通执行"
        TASK_CREATED = "task_created", "待人工执行"
        UNSUPPORTED = "unsupported", "平台不支持"
        FAILED = "failed", "失败"  # gave up: the dead letter, a case is open

    pk = models.CompositePrimaryKey("community_id", "id")
    community_id = models.BigIntegerField()
    id = models.UUIDField()  # derived from the idempotency key
    idempotency_key = models.TextField()
    kind = models.TextField()  # see effects/outbox.py KINDS
    group_id = models.BigIntegerField()
    member_id = models.BigIntegerField(null=True)
    connector = models.TextField()
    payload = models.JSONField(default=dict)
    cause_seq = models.BigIntegerField(null=True)  # the event that a rule judged
    rule = models.TextField(default="")
    requested_by = models.TextField(default="")  # "rule", or a staff user name
    status = models.TextField(choices=Status, default=Status.PENDING)
    attempts = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    # The order of request: what is asked for in the same instant (a warning, then the mute) is done in that order.
    number = models.BigIntegerField(db_default=models.Func(models.Value("effect_number"), function="nextval"))
    last_error = models.TextField(default="")
    detail = models.JSONField(default=dict)  # what came of it, see effects/details.py
    case_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "effect"
        indexes = (
            models.Index(
                fields=["next_attempt_at", "number"], name="effect_pending", condition=models.Q(status="pending")
            ),
            models.Index(
                fields=["community_id", "group_id", "kind"],
                name="effect_open_task",
                condition=models.Q(status="task_created"),
            ),
            models.Index(fields=["community_id", "created_at"], name="effect_by_time"),
            models.Index(fields=["community_id", "member_id"], name="effect_by_member"),
        )


class Pace(models.Model):
    """The token bucket of a connector that takes only so many acts a second; shared by all deliverers."""

    connector = models.TextField(primary_key=True)
    tokens = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        db_table = "effect_pace"
