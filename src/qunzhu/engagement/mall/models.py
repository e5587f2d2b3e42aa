"""Goods, orders, codes and pictures of the mall. Rows change only under the lock of their good (locks.py)."""

from django.db import models
from django.db.models import Q


class MallGood(models.Model):
    """A thing that points buy. `number` is what members type; `slug` is the blueprint's id, "" for the console's own.

    `stock` is what can still be ordered; of goods with codes it is the free codes less the orders that wait for one.
    """

    class Kind(models.TextChoices):
        VIRTUAL = "virtual"
        PHYSICAL = "physical"
        PERK = "perk"
        AD_SLOT = "ad_slot"

    pk = models.CompositePrimaryKey("community_id", "number")
    community_id = models.BigIntegerField()
    number = models.IntegerField()
    slug = models.TextField(default="")
    name = models.TextField()
    kind = models.TextField(choices=Kind.choices)
    price = models.IntegerField()
    stock = models.IntegerField()
    low_stock = models.IntegerField(default=0)
    per_member = models.IntegerField(default=0)
    min_level = models.IntegerField(default=0)
    level_limits = models.JSONField(default=list)  # [[level, limit], …]
    about = models.TextField(default="")
    image = models.TextField(default="")  # an emoji, shown where there is no picture
    picture = models.TextField(default="")  # digest of a MallPicture
    content = models.TextField(default="")  # what every buyer of a virtual good gets
    perk = models.TextField(default="")
    days = models.IntegerField(default=30)  # that a perk or an ad slot holds
    with_codes = models.BooleanField(default=False)
    on_sale = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "engagement"
        db_table = "mall_good"
        constraints = (
            models.CheckConstraint(condition=Q(stock__gte=0), name="mall_stock_not_negative"),
            models.CheckConstraint(condition=Q(price__gte=0), name="mall_price_not_negative"),
            models.UniqueConstraint(fields=["community_id", "slug"], condition=~Q(slug=""), name="mall_good_once"),
        )


class MallOrder(models.Model):
    """What a member redeemed. `key` makes it happen once; `name` and `price` are those of the moment."""

    class State(models.TextChoices):
        PLACED = "placed"
        SHIPPED = "shipped"
        DONE = "done"
        CANCELLED = "cancelled"
        REFUNDED = "refunded"

    id = models.BigAutoField(primary_key=True)
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    good = models.IntegerField()
    key = models.TextField()
    kind = models.TextField()
    name = models.TextField()
    price = models.IntegerField()
    state = models.TextField(choices=State.choices, default=State.PLACED)
    group_id = models.BigIntegerField(null=True)
    placed_at = models.DateTimeField()
    shipped_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # cancelled or refunded
    delivery = models.TextField(default="")  # the code, or what else was handed over
    holds_until = models.DateTimeField(null=True)  # of a perk or an ad slot
    recipient = models.TextField(default="")
    phone = models.TextField(default="")
    address = models.TextField(default="")
    words = models.TextField(default="")  # of an ad slot: what the member wants to post
    carrier = models.TextField(default="")
    tracking = models.TextField(default="")
    reason = models.TextField(default="")
    handled_by = models.TextField(default="")

    class Meta:
        app_label = "engagement"
        db_table = "mall_order"
        indexes = (
            models.Index(fields=["community_id", "member_id", "id"], name="mall_order_by_member"),
            models.Index(fields=["community_id", "state", "id"], name="mall_order_by_state"),
            models.Index(fields=["community_id", "good", "id"], name="mall_order_by_good"),
        )
        constraints = (models.UniqueConstraint(fields=["community_id", "key"], name="mall_order_once"),)


class MallCode(models.Model):
    """One code of a virtual good; taken by exactly one order, never put back (it was seen)."""

    id = models.BigAutoField(primary_key=True)
    community_id = models.BigIntegerField()
    good = models.IntegerField()
    code = models.TextField()
    order_id = models.BigIntegerField(null=True, unique=True)
    added_at = models.DateTimeField()

    class Meta:
        app_label = "engagement"
        db_table = "mall_code"
        indexes = (
            models.Index(fields=["community_id", "good", "id"], condition=Q(order_id=None), name="mall_code_free"),
        )
        constraints = (models.UniqueConstraint(fields=["community_id", "good", "code"], name="mall_code_once"),)


class MallPicture(models.Model):
    """A picture of a good, cut and encoded here; named by its digest, so that browsers may keep it for ever."""

    pk = models.CompositePrimaryKey("community_id", "sha256")
    community_id = models.BigIntegerField()
    sha256 = models.TextField()
    data = models.BinaryField()

    class Meta:
        app_label = "engagement"
        db_table = "mall_picture"
