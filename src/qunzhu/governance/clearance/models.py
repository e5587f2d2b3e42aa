"""Ad clearances as people see them: a projection of the log (rebuildable)."""

from django.db import models


class Clearance(models.Model):
    """A request and what became of it, or a grant that nobody asked for. `group_id` None: in every group.

    `seq` is clearance.requested, or clearance.granted where staff granted by hand. Between `since` (None: from the
    grant on) and `until` a granted one holds.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "等审核"
        GRANTED = "granted", "已批准"
        DECLINED = "declined", "未批准"
        WITHDRAWN = "withdrawn", "已撤回"
        ENDED = "ended", "提前结束"

    pk = models.CompositePrimaryKey("community_id", "seq")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    member_id = models.BigIntegerField(null=True)  # None: cleared for everybody
    group_id = models.BigIntegerField(null=True)
    asked_in = models.BigIntegerField(null=True)  # the group in which the member is answered
    via = models.TextField(default="")  # chat, page, or "" without a request
    cause_seq = models.BigIntegerField(null=True)
    name = models.TextField(default="")  # of a campaign
    text = models.TextField(default="")
    links = models.JSONField(default=list)
    images = models.JSONField(default=list)  # {upload, sha256, width, height}
    wanted_since = models.DateTimeField(null=True)
    wanted_until = models.DateTimeField(null=True)
    asked_at = models.DateTimeField()
    state = models.TextField(choices=State, default=State.WAITING)
    granted_seq = models.BigIntegerField(null=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    decided_by = models.TextField(default="")
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(default="")
    ended_by = models.TextField(default="")
    ended_at = models.DateTimeField(null=True)
    last_seq = models.BigIntegerField()  # the event that made or last changed this row

    class Meta:
        app_label = "governance"
        db_table = "clearance"
        indexes = (
            models.Index(fields=["community_id", "state", "-seq"], name="clearance_by_state"),
            models.Index(fields=["community_id", "member_id", "-seq"], name="clearance_by_member"),
            models.Index(fields=["community_id", "granted_seq"], name="clearance_by_grant"),
        )
