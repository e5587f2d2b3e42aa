"""Tables of tasks; all four are projections of the log."""

from django.db import models


class TaskBook(models.Model):
    """The units that hold from `seq` on."""

    pk = models.CompositePrimaryKey("community_id", "seq")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    units = models.JSONField()

    class Meta:
        app_label = "engagement"
        db_table = "task_book"


class TaskNewcomer(models.Model):
    """When a member came in for the first time: the newcomer path is counted from there."""

    pk = models.CompositePrimaryKey("community_id", "member_id")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    joined_at = models.DateTimeField()
    seq = models.BigIntegerField()

    class Meta:
        app_label = "engagement"
        db_table = "task_newcomer"


class TaskGround(models.Model):
    """One thing that counts for a unit; `mark` is what is counted once (a person, a day), `void` why it does not."""

    pk = models.CompositePrimaryKey("community_id", "member_id", "unit", "period", "source")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    unit = models.TextField()
    period = models.TextField()
    source = models.TextField()
    mark = models.TextField()
    day = models.DateField()
    seq = models.BigIntegerField()
    void = models.TextField(default="")

    class Meta:
        app_label = "engagement"
        db_table = "task_ground"
        indexes = (models.Index(fields=["community_id", "source"], name="task_ground_by_source"),)


class TaskProgress(models.Model):
    """How far a member is with a unit in a period; `turn` counts completions, for each may be taken back."""

    pk = models.CompositePrimaryKey("community_id", "member_id", "unit", "period")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    unit = models.TextField()
    period = models.TextField()
    count = models.IntegerField()
    goal = models.IntegerField()
    points = models.IntegerField()
    cards = models.IntegerField()
    turn = models.IntegerField()
    completed_at = models.DateTimeField(null=True)
    taken_back = models.BooleanField()
    seq = models.BigIntegerField()

    class Meta:
        app_label = "engagement"
        db_table = "task_progress"
        indexes = (models.Index(fields=["community_id", "unit", "period"], name="task_progress_by_unit"),)
