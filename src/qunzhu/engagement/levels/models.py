"""Active hours and levels (projections of the log), and what the daily run works with."""

from django.db import models


class ActiveDay(models.Model):
    """The hours of a day in which a member spoke, as bits; how much does not matter."""

    pk = models.CompositePrimaryKey("community_id", "member_id", "day")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    day = models.DateField()
    hours = models.IntegerField()

    class Meta:
        app_label = "engagement"
        db_table = "active_day"
        indexes = (models.Index(fields=["community_id", "day"], name="active_day_by_day"),)


class MemberLevel(models.Model):
    """A member's level as the log has it; who has no row is at 0. `until`: it is at risk and falls on that day."""

    pk = models.CompositePrimaryKey("community_id", "member_id")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    level = models.SmallIntegerField()
    since = models.DateField()
    until = models.DateField(null=True)

    class Meta:
        app_label = "engagement"
        db_table = "member_level"


class LevelRun(models.Model):
    """A day's run: what all are measured by, and how far it has come (`after_member`)."""

    pk = models.CompositePrimaryKey("community_id", "day")
    community_id = models.BigIntegerField()
    day = models.DateField()  # everything before it counted
    quality_reference = models.IntegerField()
    active_reference = models.IntegerField()
    threshold = models.SmallIntegerField()
    members = models.IntegerField()
    after_member = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "engagement"
        db_table = "level_run"


class LevelFigure(models.Model):
    """A member's figures of the latest run; `quality` and `active` in hundredths. Replaced every day."""

    pk = models.CompositePrimaryKey("community_id", "member_id")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    day = models.DateField()
    quality = models.IntegerField()
    active = models.IntegerField()
    messages = models.IntegerField()  # that counted
    hours = models.IntegerField()
    quality_points = models.IntegerField(default=0)
    active_points = models.IntegerField(default=0)
    score = models.IntegerField(default=0)
    before = models.SmallIntegerField(default=0)
    level = models.SmallIntegerField(default=0)
    until = models.DateField(null=True)

    class Meta:
        app_label = "engagement"
        db_table = "level_figure"
        indexes = (models.Index(fields=["community_id", "level", "-score"], name="level_figure_by_level"),)
