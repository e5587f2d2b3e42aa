"""Topics, debates, what was said and voted, result cards, polls. What a debate becomes only its consumer writes."""

from django.db import models


class DebateTopic(models.Model):
    """A question with two sides. `slug` is its title in the blueprint, "" for the console's own."""

    pk = models.CompositePrimaryKey("community_id", "number")
    community_id = models.BigIntegerField()
    number = models.IntegerField()
    slug = models.TextField(default="")
    title = models.TextField()
    pro = models.TextField()
    con = models.TextField()
    active = models.BooleanField(default=True)
    pinned = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "engagement"
        db_table = "debate_topic"


class Debate(models.Model):
    """One debate and its one current step. `slot` makes it happen once: a day, or who started it by hand."""

    class State(models.TextChoices):
        SPEAKING = "speaking"
        VOTING = "voting"
        DONE = "done"
        CANCELLED = "cancelled"
        SKIPPED = "skipped"

    pk = models.CompositePrimaryKey("community_id", "number")
    community_id = models.BigIntegerField()
    number = models.IntegerField()
    slot = models.TextField()
    state = models.TextField(choices=State.choices)
    topic = models.IntegerField(null=True)
    title = models.TextField(default="")
    pro = models.TextField(default="")
    con = models.TextField(default="")
    settings = models.JSONField(default=dict)  # those of the moment it was opened
    groups = models.JSONField(default=list)
    opened_at = models.DateTimeField()
    speech_ends_at = models.DateTimeField(null=True)
    vote_ends_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    by = models.TextField(default="")
    reason = models.TextField(default="")
    result = models.JSONField(default=dict)

    class Meta:
        app_label = "engagement"
        db_table = "debate"
        constraints = (
            models.UniqueConstraint(fields=["community_id", "slot"], name="debate_once_a_slot"),
            models.UniqueConstraint(
                fields=["community_id"], condition=models.Q(state__in=("speaking", "voting")), name="debate_one_at_once"
            ),
        )


class DebateSide(models.Model):
    """Which side a member speaks for."""

    pk = models.CompositePrimaryKey("community_id", "debate", "member_id")
    community_id = models.BigIntegerField()
    debate = models.IntegerField()
    member_id = models.BigIntegerField()
    side = models.TextField()

    class Meta:
        app_label = "engagement"
        db_table = "debate_side"


class DebateArgument(models.Model):
    """A message that counts; its words stay in the log. `n` is its number in the debate."""

    pk = models.CompositePrimaryKey("community_id", "message")
    community_id = models.BigIntegerField()
    message = models.BigIntegerField()
    debate = models.IntegerField()
    n = models.IntegerField()
    member_id = models.BigIntegerField()
    group_id = models.BigIntegerField()
    side = models.TextField()
    state = models.TextField(default="counted")
    at = models.DateTimeField()

    class Meta:
        app_label = "engagement"
        db_table = "debate_argument"
        indexes = (models.Index(fields=["community_id", "debate", "n"], name="debate_argument_by_n"),)


class DebateVote(models.Model):
    """A member's vote as it stands; `best` is the number of an argument."""

    pk = models.CompositePrimaryKey("community_id", "debate", "member_id")
    community_id = models.BigIntegerField()
    debate = models.IntegerField()
    member_id = models.BigIntegerField()
    side = models.TextField(default="")
    best = models.IntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        app_label = "engagement"
        db_table = "debate_vote"


class DebateCard(models.Model):
    """The result as a picture (PNG); named by its digest."""

    pk = models.CompositePrimaryKey("community_id", "debate")
    community_id = models.BigIntegerField()
    debate = models.IntegerField()
    sha256 = models.TextField()
    width = models.IntegerField()
    height = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        app_label = "engagement"
        db_table = "debate_card"


class Poll(models.Model):
    """A question with two to six answers, asked by staff in one group."""

    pk = models.CompositePrimaryKey("community_id", "number")
    community_id = models.BigIntegerField()
    number = models.IntegerField()
    group_id = models.BigIntegerField()
    question = models.TextField()
    options = models.JSONField()
    state = models.TextField(default="open")
    by = models.TextField()
    opened_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "engagement"
        db_table = "poll"
        constraints = (
            models.UniqueConstraint(
                fields=["community_id", "group_id"], condition=models.Q(state="open"), name="poll_one_a_group"
            ),
        )


class PollVote(models.Model):
    """A member's answer as it stands, from 1."""

    pk = models.CompositePrimaryKey("community_id", "poll", "member_id")
    community_id = models.BigIntegerField()
    poll = models.IntegerField()
    member_id = models.BigIntegerField()
    option = models.IntegerField()
    at = models.DateTimeField()

    class Meta:
        app_label = "engagement"
        db_table = "poll_vote"
