"""What the console itself keeps: work that takes longer than a page, and how people like their lists."""

from django.conf import settings
from django.db import models


class Job(models.Model):
    """One verification, export, import or backtest that somebody started; a worker runs it (`tasks.py`)."""

    class Kind(models.TextChoices):
        VERIFY = "verify", "校验黑匣子"
        EXPORT = "export", "导出证据"
        IMPORT = "import", "导入聊天记录"
        PERSONAL = "personal", "导出个人数据"
        BACKTEST = "backtest", "回测群规"

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


class SavedView(models.Model):
    """Filters and columns of one list under a name, of one person in one community; nobody else sees it.

    Names may repeat in the table: erasing a member rewrites the names that hold a nickname.
    """

    community_id = models.BigIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    page = models.TextField()  # name of the list, see console/pages/saved_views.py
    name = models.TextField()
    query = models.TextField()  # as in the address, see ListSpec.kept
    default = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "console_saved_view"
        indexes = (models.Index(fields=["community_id", "user", "page", "id"], name="console_view_own"),)
        constraints = (
            models.UniqueConstraint(
                fields=["community_id", "user", "page"],
                name="console_view_one_default",
                condition=models.Q(default=True),
            ),
        )
