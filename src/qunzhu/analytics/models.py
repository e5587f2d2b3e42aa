"""Rollups kept by a consumer, so that a page's cost does not grow with history (decision 10)."""

from django.db import models


class GroupHour(models.Model):
    """What happened in a group in one hour of the community's zone (`hour` is its start, with zone)."""

    pk = models.CompositePrimaryKey("community_id", "group_id", "hour")
    community_id = models.BigIntegerField()
    group_id = models.BigIntegerField()
    hour = models.DateTimeField()
    messages = models.IntegerField(default=0)
    commands = models.IntegerField(default=0)
    joins = models.IntegerField(default=0)
    leaves = models.IntegerField(default=0)
    decisions = models.IntegerField(default=0)

    class Meta:
        db_table = "group_hour"
        # A day of all groups must not read the hours of all time.
        indexes = (models.Index(fields=["community_id", "hour"], name="group_hour_by_hour"),)


class MemberDay(models.Model):
    """What a member did in a group on one day of the community's zone; distinct people are counted from here."""

    # Members before groups: the different people of a day are then counted in the key's own order, without a sort.
    pk = models.CompositePrimaryKey("community_id", "day", "member_id", "group_id")
    community_id = models.BigIntegerField()
    day = models.DateField()
    group_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    messages = models.IntegerField(default=0)
    commands = models.IntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)

    class Meta:
        db_table = "member_day"
        # Whether somebody ever spoke must not read the days of everybody.
        indexes = (models.Index(fields=["community_id", "member_id"], name="member_day_by_member"),)


class CommunityDay(models.Model):
    """A day of the whole community. `speakers` are different people: nobody counts twice for a second group."""

    pk = models.CompositePrimaryKey("community_id", "day")
    community_id = models.BigIntegerField()
    day = models.DateField()
    messages = models.IntegerField(default=0)
    commands = models.IntegerField(default=0)
    speakers = models.IntegerField(default=0)

    class Meta:
        db_table = "community_day"
