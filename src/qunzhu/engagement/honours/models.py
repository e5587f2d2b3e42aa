"""Projections of the log: contributions by week, closed weeks with their places, what badges count, badges."""

from django.db import models
from django.db.models import F, Q


class HonourWeek(models.Model):
    """What a member earned in the week that began on `week`, a Monday; ALL_TIME of policy.py stands for all weeks.

    `past` is what the four weeks before gave; `reached_seq` the last event that raised `points`: who got there first.
    """

    pk = models.CompositePrimaryKey("community_id", "week", "member_id")
    community_id = models.BigIntegerField()
    week = models.DateField()
    member_id = models.BigIntegerField()
    points = models.BigIntegerField()
    past = models.BigIntegerField(default=0)
    reached_seq = models.BigIntegerField()
    since = models.DateField(null=True)  # the day the member was first seen

    class Meta:
        app_label = "engagement"
        db_table = "honour_week"
        indexes = (
            models.Index(
                F("community_id"), F("week"), F("points").desc(), F("reached_seq"), F("member_id"),
                name="honour_by_points", condition=Q(points__gt=0),
            ),
            models.Index(
                F("community_id"), F("week"), (F("points") * 4 - F("past")).desc(), F("reached_seq"), F("member_id"),
                name="honour_by_progress", condition=Q(points__gt=0, past__gt=0),
            ),
            models.Index(F("community_id"), F("week"), F("since").desc(), name="honour_by_since"),
            models.Index(F("community_id"), F("member_id"), F("week"), name="honour_by_member"),
        )  # fmt: skip


class HonourClosed(models.Model):
    """A week that was closed. `people` earned something in it; `more` tie with the last place and are not named."""

    pk = models.CompositePrimaryKey("community_id", "week")
    community_id = models.BigIntegerField()
    week = models.DateField()
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    people = models.IntegerField()
    more = models.IntegerField()

    class Meta:
        app_label = "engagement"
        db_table = "honour_closed"


class HonourPlace(models.Model):
    """A place in a list of a closed week, as it was announced: `board` is top, newcomers or progress."""

    pk = models.CompositePrimaryKey("community_id", "week", "board", "member_id")
    community_id = models.BigIntegerField()
    week = models.DateField()
    board = models.TextField()
    member_id = models.BigIntegerField()
    rank = models.IntegerField()
    place = models.IntegerField()  # the order within equal ranks
    points = models.BigIntegerField()

    class Meta:
        app_label = "engagement"
        db_table = "honour_place"
        indexes = (models.Index(fields=["community_id", "member_id"], name="honour_place_by_member"),)


class HonourPenalty(models.Model):
    """A punishment that stands, and when it was given: a setting keeps the punished out of that week's list."""

    pk = models.CompositePrimaryKey("community_id", "member_id", "cause_seq", "rule")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    cause_seq = models.BigIntegerField()
    rule = models.TextField()
    at = models.DateTimeField()

    class Meta:
        app_label = "engagement"
        db_table = "honour_penalty"
        indexes = (models.Index(fields=["community_id", "at"], name="honour_penalty_by_time"),)


class HonourCount(models.Model):
    """How often a member did what badges count: checkin, streak (the longest), quality, report, top."""

    pk = models.CompositePrimaryKey("community_id", "member_id", "what")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    what = models.TextField()
    n = models.IntegerField()

    class Meta:
        app_label = "engagement"
        db_table = "honour_count"


class Badge(models.Model):
    """A badge of a member; `turn` counts how often it was awarded, `held` is false where it was taken back."""

    pk = models.CompositePrimaryKey("community_id", "member_id", "badge")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    badge = models.TextField()
    turn = models.IntegerField()
    held = models.BooleanField()
    at = models.DateTimeField()
    seq = models.BigIntegerField()

    class Meta:
        app_label = "engagement"
        db_table = "honour_badge"
        indexes = (models.Index(fields=["community_id", "badge", "seq"], name="honour_badge_by_kind"),)
