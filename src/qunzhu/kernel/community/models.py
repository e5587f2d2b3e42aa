"""Communities, groups, members and who works for them."""

from django.conf import settings
from django.db import models


class Community(models.Model):
    """One operator's brand: rules, points, members, staff, many groups. `blueprint` is what it was last set up from."""

    slug = models.SlugField("代号", unique=True, max_length=60)
    name = models.CharField("名称", max_length=80)
    timezone = models.CharField("时区", max_length=40, default="Asia/Shanghai")
    blueprint = models.JSONField("蓝图", default=dict)
    created_at = models.DateTimeField("创建时间")

    class Meta:
        db_table = "community"
        verbose_name = "社群"
        verbose_name_plural = "社群"

    def __str__(self) -> str:
        return self.name


class Group(models.Model):
    """One WeChat group. `profile` is the capability profile of its connector (see connectors/port.py)."""

    class State(models.TextChoices):
        ACTIVE = "active", "正常"
        FROZEN = "frozen", "已冻结"
        CLOSED = "closed", "已关闭"

    community = models.ForeignKey(Community, models.PROTECT, related_name="groups", verbose_name="社群")
    name = models.CharField("群名", max_length=80)
    connector = models.CharField("连接", max_length=40, default="local")
    platform_id = models.CharField("平台群号", max_length=120)
    profile = models.CharField("能力", max_length=40, default="full")
    capacity = models.IntegerField("人数上限", default=500)
    state = models.CharField("状态", max_length=12, choices=State, default=State.ACTIVE)
    observation = models.BooleanField("观察群", default=False, db_default=False)  # where silent members are moved to
    announcement = models.TextField("群公告", default="", blank=True)
    created_at = models.DateTimeField("创建时间")

    class Meta:
        db_table = "community_group"
        verbose_name = "群"
        verbose_name_plural = "群"
        constraints = (models.UniqueConstraint(fields=["connector", "platform_id"], name="group_once"),)

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """A person in a community; identities on several connectors, memberships in several groups."""

    community = models.ForeignKey(Community, models.PROTECT, related_name="members", verbose_name="社群")
    display_name = models.CharField("昵称", max_length=120)
    tags = models.JSONField("标签", default=list, blank=True)
    note = models.TextField("备注", default="", blank=True)
    created_at = models.DateTimeField("首次出现")
    erased_at = models.DateTimeField("已抹除", null=True, blank=True)

    class Meta:
        db_table = "member"
        verbose_name = "成员"
        verbose_name_plural = "成员"
        indexes = (models.Index(fields=["community", "display_name"], name="member_by_name"),)

    def __str__(self) -> str:
        return self.display_name


class Identity(models.Model):
    """A member as one connector knows them: by id, never by name (nicknames repeat)."""

    community = models.ForeignKey(Community, models.PROTECT, verbose_name="社群")
    member = models.ForeignKey(Member, models.PROTECT, related_name="identities", verbose_name="成员")
    connector = models.CharField("连接", max_length=40)
    platform_user_id = models.CharField("平台用户号", max_length=190)
    display_name = models.CharField("平台昵称", max_length=120, default="", blank=True)

    class Meta:
        db_table = "identity"
        verbose_name = "身份"
        verbose_name_plural = "身份"
        constraints = (
            models.UniqueConstraint(fields=["community", "connector", "platform_user_id"], name="identity_once"),
        )

    def __str__(self) -> str:
        return f"{self.connector}:{self.platform_user_id}"


class Membership(models.Model):
    """A member in one group; a projection of the log, written by `consumer.py` only."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", "待入群"
        ACTIVE = "active", "在群"
        OBSERVED = "observed", "观察中"
        MUTED = "muted", "禁言中"
        LEFT = "left", "已退群"
        REMOVED = "removed", "已移出"

    pk = models.CompositePrimaryKey("community_id", "group_id", "member_id")
    community_id = models.BigIntegerField()
    group_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    state = models.CharField(max_length=12, choices=State, default=State.ACTIVE)
    joined_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    muted_until = models.DateTimeField(null=True)
    nickname = models.CharField(max_length=120, default="")
    state_at = models.DateTimeField(null=True)  # when the fact that set the state happened
    last_seq = models.BigIntegerField(default=0)  # the last event that changed this row

    class Meta:
        db_table = "membership"
        indexes = (models.Index(fields=["community_id", "member_id"], name="membership_by_member"),)


class Staff(models.Model):
    """A console user's role in one community. `member` links to the same person in the groups: never punished."""

    class Role(models.TextChoices):
        OWNER = "owner", "群主"
        MANAGER = "manager", "运营主管"
        MODERATOR = "moderator", "管理员"
        ANALYST = "analyst", "数据分析"
        FINANCE = "finance", "财务"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="posts", verbose_name="账号")
    community = models.ForeignKey(Community, models.PROTECT, related_name="staff", verbose_name="社群")
    role = models.CharField("角色", max_length=12, choices=Role)
    member = models.ForeignKey(Member, models.SET_NULL, null=True, blank=True, verbose_name="群内身份")
    created_at = models.DateTimeField("加入时间")

    class Meta:
        db_table = "staff"
        verbose_name = "运营人员"
        verbose_name_plural = "运营人员"
        constraints = (models.UniqueConstraint(fields=["user", "community"], name="staff_once"),)

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"


class AuditEntry(models.Model):
    """What staff did in the console; written in the transaction of the act itself."""

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
