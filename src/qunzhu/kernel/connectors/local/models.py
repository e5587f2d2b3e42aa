"""The local chat's own state: what a platform such as WeChat would keep on its side. Acted on by `client.py` only."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Room(models.Model):
    """The platform side of a group whose connector is `local`."""

    group_id = models.BigIntegerField(primary_key=True)
    community_id = models.BigIntegerField()
    join_code = models.TextField(unique=True)
    frozen = models.BooleanField(default=False)
    announcement = models.TextField(default="")

    class Meta:
        db_table = "local_room"


class Occupant(models.Model):
    """A member in a room, as the platform sees them; `role` owner/admin may act by hand in the chat page."""

    pk = models.CompositePrimaryKey("group_id", "member_id")
    group_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    community_id = models.BigIntegerField()
    nickname = models.TextField()
    role = models.TextField(default="member")
    joined_at = models.DateTimeField()
    muted_until = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)
    last_read_seq = models.BigIntegerField(default=0)

    class Meta:
        db_table = "local_occupant"


class Upload(models.Model):
    """An image posted in a room; the file lies under QUNZHU_HOME/uploads by its digest."""

    id = models.UUIDField(primary_key=True)
    community_id = models.BigIntegerField()
    group_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    media_type = models.TextField()
    width = models.IntegerField()
    height = models.IntegerField()
    size = models.IntegerField()
    sha256 = models.TextField()
    at = models.DateTimeField()
    codes = ArrayField(models.TextField(), default=list)  # what the QR codes in it say

    class Meta:
        db_table = "local_upload"
