"""What staff did in the console: who, what, on what, from where. Written in the transaction of the act itself."""

from django.db import models


class AuditEntry(models.Model):
    community_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    user = models.TextField()
    action = models.TextField()
    target = models.TextField(default="")
    detail = models.JSONField(default=dict)
    address = models.TextField(default="")
    allowed = models.BooleanField(default=True)  # refused attempts are recorded too

    class Meta:
        db_table = "audit_entry"
        indexes = (models.Index(fields=["community_id", "-at"], name="audit_recent"),)
