"""Tables of the log and its seals. Rows are written by `log.py`, `runner.py` and `seal.py`, not by the ORM."""

from typing import Any

from django.db import models


class ExactJSONField(models.JSONField):
    """PostgreSQL `json`: keeps the bytes as they were written, which the digests need (`jsonb` reorders keys)."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002
        return "json"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Psycopg decodes `json` itself; Django turned that off for `jsonb` only."""
        if value is None or isinstance(value, str):
            return super().from_db_value(value, expression, connection)
        return value


class Event(models.Model):
    pk = models.CompositePrimaryKey("community_id", "seq")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    id = models.UUIDField()
    kind = models.TextField()
    group_id = models.BigIntegerField(null=True)
    member_id = models.BigIntegerField(null=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    connector = models.TextField()
    historic = models.BooleanField(default=False)
    body = ExactJSONField(null=True)  # NULL once erased
    salt = models.BinaryField(null=True)  # NULL once erased
    digest = models.BinaryField()

    class Meta:
        db_table = "event"
        constraints = (models.UniqueConstraint(fields=["community_id", "id"], name="event_once"),)
        indexes = (
            models.Index(fields=["community_id", "group_id", "seq"], name="event_by_group"),
            models.Index(fields=["community_id", "member_id", "seq"], name="event_by_member"),
            # Messages are nearly all rows and are found by seq; the rest must be found among millions of them.
            models.Index(
                fields=["community_id", "kind", "seq"], name="event_by_kind", condition=~models.Q(kind="message.posted")
            ),
        )


class EventHead(models.Model):
    """The last seq of each community; its row lock is the order of the log."""

    community_id = models.BigIntegerField(primary_key=True)
    seq = models.BigIntegerField(default=0)

    class Meta:
        db_table = "event_head"


class ConsumerCursor(models.Model):
    """How far a consumer has come in a community; moves in the transaction of what the consumer wrote."""

    pk = models.CompositePrimaryKey("consumer", "community_id")
    consumer = models.TextField()
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField(default=0)
    failures = models.IntegerField(default=0)
    last_error = models.TextField(default="")
    retry_at = models.DateTimeField(null=True)
    moved_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "consumer_cursor"


class PoisonedEvent(models.Model):
    """An event that a consumer could not digest, put aside so that the rest goes on; a case asks a human."""

    pk = models.CompositePrimaryKey("community_id", "consumer", "seq")
    community_id = models.BigIntegerField()
    consumer = models.TextField()
    seq = models.BigIntegerField()
    error = models.TextField()
    at = models.DateTimeField()
    retry_asked_at = models.DateTimeField(null=True)  # a human wants it taken up again; the runner does it

    class Meta:
        db_table = "poisoned_event"


class SealedBlock(models.Model):
    """A sealed stretch of the log: leaves of its Merkle tree (32 bytes each, RFC 6962), root, chain, signature."""

    pk = models.CompositePrimaryKey("community_id", "number")
    community_id = models.BigIntegerField()
    number = models.BigIntegerField()
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    leaves = models.BinaryField()
    root = models.BinaryField()
    previous_hash = models.BinaryField()
    block_hash = models.BinaryField()
    signature = models.BinaryField()
    key_id = models.TextField()
    sealed_at = models.DateTimeField()

    class Meta:
        db_table = "sealed_block"


class EngineState(models.Model):
    """What the rules remember of one subject (a member, a group …): windows and standing, in msgpack.

    `subject` is e.g. "m:17" or "g:3"; imported history has its own subjects ("h:m:17") and never moves live windows.
    """

    pk = models.CompositePrimaryKey("community_id", "consumer", "subject")
    community_id = models.BigIntegerField()
    consumer = models.TextField()
    subject = models.TextField()
    data = models.BinaryField()

    class Meta:
        db_table = "engine_state"
