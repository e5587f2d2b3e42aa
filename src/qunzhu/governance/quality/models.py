"""Marks of quality content: a projection of quality.marked and quality.unmarked."""

from django.db import models


class QualityMark(models.Model):
    """A message that was marked; `turn` counts how often. Its points are named by `marked_seq`."""

    class State(models.TextChoices):
        MARKED = "marked", "优质内容"
        UNMARKED = "unmarked", "已取消"

    class Why(models.TextChoices):
        STAFF = "staff", "管理员取消"
        PUNISHED = "punished", "这条消息被处罚或撤回"

    pk = models.CompositePrimaryKey("community_id", "message_seq")
    community_id = models.BigIntegerField()
    message_seq = models.BigIntegerField()
    group_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    state = models.TextField(choices=State, default=State.MARKED)
    turn = models.IntegerField(default=1)
    points = models.IntegerField()
    by = models.TextField()
    via = models.TextField()  # console or chat
    marked_seq = models.BigIntegerField()  # quality.marked
    at = models.DateTimeField()
    ended_by = models.TextField(default="")
    ended_why = models.TextField(default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "quality_mark"
        indexes = (
            models.Index(fields=["community_id", "state", "-marked_seq"], name="quality_recent"),
            models.Index(fields=["community_id", "member_id", "-marked_seq"], name="quality_by_member"),
        )
