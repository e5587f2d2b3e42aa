"""Double entry for points (PTS) and money (CNY, in fen). Append-only; balances guarded by the database."""

from django.db import models
from django.db.models import Q


class Account(models.Model):
    """`owner` is "m:17" for a member or "sys:issue" and its like; only system accounts may go below zero."""

    pk = models.CompositePrimaryKey("community_id", "owner", "unit")
    community_id = models.BigIntegerField()
    owner = models.TextField()
    unit = models.TextField()
    balance = models.BigIntegerField(default=0)
    overdraft = models.BooleanField(default=False)

    class Meta:
        db_table = "account"
        constraints = (
            models.CheckConstraint(condition=Q(balance__gte=0) | Q(overdraft=True), name="balance_not_negative"),
        )


class LedgerTransaction(models.Model):
    """One balanced entry. Same key and same input: the first is returned; same key, another input: an error."""

    pk = models.CompositePrimaryKey("community_id", "id")
    community_id = models.BigIntegerField()
    id = models.UUIDField()  # derived from the idempotency key
    idempotency_key = models.TextField()
    input_hash = models.BinaryField()
    kind = models.TextField()
    memo = models.TextField(default="")
    cause_seq = models.BigIntegerField(null=True)
    reverses = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "ledger_transaction"
        indexes = (models.Index(fields=["community_id", "kind", "at"], name="transaction_by_kind"),)
        constraints = (models.UniqueConstraint(fields=["community_id", "reverses"], name="reversed_once"),)


class Posting(models.Model):
    """One leg of a transaction; the legs of a transaction sum to zero per unit."""

    pk = models.CompositePrimaryKey("community_id", "transaction_id", "line")
    community_id = models.BigIntegerField()
    transaction_id = models.UUIDField()
    line = models.SmallIntegerField()
    owner = models.TextField()
    unit = models.TextField()
    amount = models.BigIntegerField()
    balance_after = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        db_table = "posting"
        indexes = (
            models.Index(fields=["community_id", "owner", "unit", "at"], name="posting_by_owner"),
            models.Index(
                fields=["community_id", "at"], name="member_posting_by_time", condition=Q(owner__startswith="m:")
            ),
        )
        constraints = (models.CheckConstraint(condition=~Q(amount=0), name="posting_not_zero"),)
