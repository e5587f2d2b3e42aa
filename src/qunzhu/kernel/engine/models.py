"""Rulebooks as versioned data, and what rules concluded. Evaluation itself (`evaluate.py`) knows no database."""

from django.db import models


class RulebookVersion(models.Model):
    """A published rulebook: never edited, replaced by the next version. `rules` is what `engine/rules.py` compiles."""

    class State(models.TextChoices):
        DRAFT = "draft", "草稿"
        SHADOW = "shadow", "试运行"
        LIVE = "live", "生效"
        RETIRED = "retired", "停用"

    pk = models.CompositePrimaryKey("community_id", "version")
    community_id = models.BigIntegerField()
    version = models.IntegerField()
    state = models.TextField(choices=State, default=State.DRAFT)
    rules = models.JSONField()
    settings = models.JSONField(default=dict)  # engine/rules.py: Settings
    note = models.TextField(default="")
    published_by = models.TextField(default="")
    published_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "rulebook_version"


class RulebookDraft(models.Model):
    """The rulebook that is being worked on; a community has one that is open.

    `revision` counts what was saved: who saves names the one he began with, so that two people notice each other.
    `base_version` is the published version that it was begun from (0: there was none).
    """

    class State(models.TextChoices):
        OPEN = "open", "起草中"
        DISCARDED = "discarded", "已放弃"
        PUBLISHED = "published", "已发布"

    community_id = models.BigIntegerField()
    state = models.TextField(choices=State, default=State.OPEN)
    base_version = models.IntegerField(default=0)
    revision = models.IntegerField(default=1)
    rules = models.JSONField()
    settings = models.JSONField(default=dict)
    created_by = models.TextField()
    created_at = models.DateTimeField()
    changed_by = models.TextField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "rulebook_draft"
        constraints = (
            models.UniqueConstraint(fields=["community_id"], condition=models.Q(state="open"), name="one_open_draft"),
        )


class Decision(models.Model):
    """What one rule concluded on one event; a projection of the log, written by the consumer `order`.

    outcome: live · shadow (rule is on trial) · yielded (a severer effect on the same event won; `yielded_to`) ·
    exempt (staff) · cleared (ad clearance) · historic (imported history, nothing is done).
    """

    pk = models.CompositePrimaryKey("community_id", "seq", "rule")
    community_id = models.BigIntegerField()
    seq = models.BigIntegerField()  # the event judged
    rule = models.TextField()
    rulebook_version = models.IntegerField()
    chapter = models.TextField()
    level = models.TextField(default="")  # "", notice, yellow, orange, red
    group_id = models.BigIntegerField(null=True)
    member_id = models.BigIntegerField(null=True)
    occurred_at = models.DateTimeField()
    outcome = models.TextField()
    yielded_to = models.TextField(default="")
    yield_reason = models.TextField(default="")  # engine/evaluate.py: Reason
    effects = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    evidence = models.JSONField(default=list)
    sentence = models.TextField()
    strike = models.BooleanField(default=False)

    class Meta:
        db_table = "decision"
        indexes = (
            models.Index(fields=["community_id", "-seq"], name="decision_recent"),
            models.Index(fields=["community_id", "member_id", "seq"], name="decision_by_member"),
            models.Index(fields=["community_id", "rule", "seq"], name="decision_by_rule"),
        )
