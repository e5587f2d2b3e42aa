"""Scores of messages and what they rest on: projections of the log."""

from django.db import models


class MessageScore(models.Model):
    """A message with the parts of its score (policy.Scored). It holds no words."""

    pk = models.CompositePrimaryKey("community_id", "message_seq")
    community_id = models.BigIntegerField()
    message_seq = models.BigIntegerField()
    group_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    day = models.DateField()  # in the community's time
    historic = models.BooleanField()
    length = models.SmallIntegerField()
    information = models.SmallIntegerField()
    sources = models.SmallIntegerField()
    copy_of = models.BigIntegerField()  # seq, 0: of nothing
    replies = models.IntegerField()
    reactions = models.IntegerField()
    word = models.TextField()
    punished_by = models.TextField()
    score = models.SmallIntegerField()

    class Meta:
        app_label = "engagement"
        db_table = "message_score"
        indexes = (
            models.Index(fields=["community_id", "day", "score"], name="score_by_day"),
            models.Index(fields=["community_id", "member_id", "day"], name="score_by_member"),
        )


class QualitySupport(models.Model):
    """Who answered a message, once a person; `weight` in halves, 0 when it does not count."""

    pk = models.CompositePrimaryKey("community_id", "message_seq", "member_id")
    community_id = models.BigIntegerField()
    message_seq = models.BigIntegerField()
    member_id = models.BigIntegerField()
    seq = models.BigIntegerField()  # of the answer
    reply = models.BooleanField()  # else a reaction
    weight = models.SmallIntegerField()

    class Meta:
        app_label = "engagement"
        db_table = "quality_support"
        indexes = (models.Index(fields=["community_id", "seq"], name="quality_support_by_seq"),)


class QualityTie(models.Model):
    """How many messages of an author somebody has supported in a month."""

    pk = models.CompositePrimaryKey("community_id", "month", "author_id", "supporter_id")
    community_id = models.BigIntegerField()
    month = models.IntegerField()
    author_id = models.BigIntegerField()
    supporter_id = models.BigIntegerField()
    times = models.IntegerField()

    class Meta:
        app_label = "engagement"
        db_table = "quality_tie"


class QualityGram(models.Model):
    """A mark of a text and the message that had it first (within policy.COPY_DAYS)."""

    pk = models.CompositePrimaryKey("community_id", "gram")
    community_id = models.BigIntegerField()
    gram = models.BigIntegerField()
    message_seq = models.BigIntegerField()
    member_id = models.BigIntegerField()
    day = models.DateField()

    class Meta:
        app_label = "engagement"
        db_table = "quality_gram"
        indexes = (models.Index(fields=["community_id", "member_id"], name="quality_gram_by_member"),)
