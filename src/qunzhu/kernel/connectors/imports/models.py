"""Import jobs: how far a file has been read, so that an interrupted import goes on where it stopped."""

from django.db import models


class ImportJob(models.Model):
    class State(models.TextChoices):
        RUNNING = "running", "进行中"
        DONE = "done", "完成"
        FAILED = "failed", "失败"

    community_id = models.BigIntegerField()
    group_id = models.BigIntegerField()
    file_name = models.TextField()
    fingerprint = models.TextField()  # of the file's content, format and options
    content = models.TextField(default="")  # sha256 of the file's content alone
    format = models.TextField()
    timezone = models.TextField()
    size = models.BigIntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    lines = models.BigIntegerField(default=0)
    added = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    kinds = models.JSONField(default=dict)  # added events by kind
    repeats = models.IntegerField(default=0)  # the same import again; the figures stay those of the first
    repeated_at = models.DateTimeField(null=True)
    state = models.TextField(choices=State, default=State.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    started_by = models.TextField(default="")

    class Meta:
        db_table = "import_job"
        constraints = (models.UniqueConstraint(fields=["community_id", "group_id", "fingerprint"], name="import_once"),)
