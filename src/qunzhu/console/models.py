"""Work of the console that takes longer than a page: it shows progress, can be left, and is found again."""

from django.db import models


class Job(models.Model):
    """One verification, export or import somebody started. Run by a worker (`tasks.py`), shown by its page."""

    class Kind(models.TextChoices):
        VERIFY = "verify", "校验黑匣子"
        EXPORT = "export", "导出证据"
        IMPORT = "import", "导入聊天记录"

    class State(models.TextChoices):
        WAITING = "waiting", "排队中"
        RUNNING = "running", "进行中"
        DONE = "done", "完成"
        FAILED = "failed", "失败"

    community_id = models.BigIntegerField()
    kind = models.TextField(choices=Kind)
    params = models.JSONField(default=dict)
    state = models.TextField(choices=State, default=State.WAITING)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)  # 0: not known yet
    result = models.JSONField(default=dict)
    error = models.TextField(default="")
    file = models.TextField(default="")  # what can be downloaded, inside QUNZHU_HOME/jobs
    started_by = models.TextField()
    created_at = models.DateTimeField()
    moved_at = models.DateTimeField()  # last sign of life
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "console_job"
        indexes = (models.Index(fields=["community_id", "kind", "-id"], name="console_job_recent"),)
