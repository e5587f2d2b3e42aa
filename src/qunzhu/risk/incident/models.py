"""Incidents as people see them: projections of the log, written by `fold.py` only."""

from django.db import models


class Incident(models.Model):
    """One incident or drill; named by the seq of its start."""

    class Mode(models.TextChoices):
        LIVE = "live", "事件"
        DRILL = "drill", "演练"

    class State(models.TextChoices):
        OPEN = "open", "进行中"
        DONE = "done", "完成"
        CANCELLED = "cancelled", "已取消"
        REOPENED = "reopened", "已重新开放"

    pk = models.CompositePrimaryKey("community_id", "seq")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    mode = models.TextField(choices=Mode)
    state = models.TextField(choices=State)
    group_id = models.BigIntegerField()
    case_id = models.BigIntegerField(null=True)
    cause_seq = models.BigIntegerField(null=True)  # the message that the red rule judged
    new_group_id = models.BigIntegerField(null=True)
    offenders = models.JSONField()  # member ids named at the start
    allowed = models.JSONField()  # what runs without a human
    invite_after = models.IntegerField()  # minutes
    started_by = models.TextField()
    started_at = models.DateTimeField()
    confirmed_by = models.TextField()
    proposed_by = models.TextField()
    ended_by = models.TextField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "incident"
        indexes = (
            models.Index(fields=["community_id"], condition=models.Q(state="open"), name="incident_open"),
            models.Index(fields=["community_id", "case_id"], name="incident_by_case"),
        )


class IncidentStep(models.Model):
    """One line of a checklist."""

    pk = models.CompositePrimaryKey("community_id", "incident", "step")
    community_id = models.BigIntegerField()
    incident = models.BigIntegerField()
    step = models.TextField()
    state = models.TextField()
    attempt = models.IntegerField()
    detail = models.TextField()
    people = models.IntegerField(null=True)
    by = models.TextField()
    at = models.DateTimeField()
    due = models.DateTimeField(null=True)
    effects = models.JSONField()
    case_id = models.BigIntegerField(null=True)
    file = models.TextField()

    class Meta:
        db_table = "incident_step"


class Invitation(models.Model):
    """A member's way into the group that took an old one's place."""

    pk = models.CompositePrimaryKey("community_id", "group_id", "member_id")
    community_id = models.BigIntegerField()
    group_id = models.BigIntegerField()  # the new group
    member_id = models.BigIntegerField()
    old_group_id = models.BigIntegerField()
    incident = models.BigIntegerField()
    at = models.DateTimeField()
    joined_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "incident_invitation"
        indexes = (models.Index(fields=["community_id", "member_id"], name="invitation_by_member"),)
