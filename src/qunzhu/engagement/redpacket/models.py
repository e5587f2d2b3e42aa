"""Red packets and who got which share. Rows change only under the lock of their packet (locks.py)."""

from django.db import models
from django.db.models import Q


class RedPacket(models.Model):
    """One packet in one group. `key` makes it be planned once; `seed` is nobody's business before it is closed."""

    class State(models.TextChoices):
        PLANNED = "planned"
        OPEN = "open"
        CLOSED = "closed"
        CANCELLED = "cancelled"

    id = models.BigAutoField(primary_key=True)
    community_id = models.BigIntegerField()
    group_id = models.BigIntegerField()
    key = models.TextField()
    state = models.TextField(choices=State.choices, default=State.PLANNED)
    unit = models.TextField(default="PTS")
    budget = models.IntegerField()
    shares = models.IntegerField()
    least = models.IntegerField(default=1)  # the smallest share
    minutes = models.IntegerField()  # that it stays open
    source = models.TextField(default="sys:issue")  # whose budget it is
    greeting = models.TextField(default="")
    how = models.TextField()  # hand, random
    made_by = models.TextField(default="")
    made_at = models.DateTimeField()
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    why = models.TextField(default="")  # taken, time, staff, missed, budget
    seed = models.TextField(default="")
    digest = models.TextField(default="")
    taken = models.IntegerField(default=0)
    paid = models.IntegerField(default=0)
    told = models.IntegerField(default=0)  # so many of the shares the group has heard of
    late = models.IntegerField(default=0)  # who came too late and was not answered yet
    said_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "engagement"
        db_table = "red_packet"
        indexes = (
            models.Index(fields=["community_id", "opens_at", "id"], name="red_packet_by_time"),
            models.Index(fields=["opens_at"], condition=Q(state="planned"), name="red_packet_planned"),
            models.Index(fields=["closes_at"], condition=Q(state="open"), name="red_packet_open"),
        )
        constraints = (
            models.UniqueConstraint(fields=["community_id", "key"], name="red_packet_once"),
            models.CheckConstraint(condition=Q(taken__lte=models.F("shares")), name="red_packet_not_overdrawn"),
            models.CheckConstraint(
                condition=Q(budget__gte=models.F("shares") * models.F("least")), name="red_packet_budget_enough"
            ),
        )


class RedPacketShare(models.Model):
    """A share that a member got; the member's own number in the order of grabbing is its position, from 0."""

    pk = models.CompositePrimaryKey("packet_id", "position")
    community_id = models.BigIntegerField()
    packet_id = models.BigIntegerField()
    position = models.IntegerField()
    member_id = models.BigIntegerField()
    amount = models.IntegerField()
    at = models.DateTimeField()

    class Meta:
        app_label = "engagement"
        db_table = "red_packet_share"
        indexes = (models.Index(fields=["community_id", "member_id"], name="red_packet_share_by_member"),)
        constraints = (
            models.UniqueConstraint(fields=["packet_id", "member_id"], name="red_packet_share_once"),
            models.CheckConstraint(condition=Q(amount__gte=1), name="red_packet_share_positive"),
        )
