"""The keyword library (关键词库). A change is told to the log (`keywords.changed`): consumers reload at that point."""

from django.db import models

from qunzhu.risk.incident.models import Incident, IncidentStep, Invitation

__all__ = ["Incident", "IncidentStep", "Invitation", "Keyword", "RuleReview"]


class Keyword(models.Model):
    class Category(models.TextChoices):
        AD = "ad", "广告"
        CONTACT = "contact", "引流加好友"
        ATTACK = "attack", "人身攻击"
        GAMBLING = "gambling", "赌博"
        PORN = "porn", "色情"
        FRAUD = "fraud", "诈骗"
        FUNDRAISING = "fundraising", "资金募集"
        OTHER = "other", "其他"

    pk = models.CompositePrimaryKey("community_id", "word")
    community_id = models.BigIntegerField()
    word = models.TextField()
    category = models.TextField(choices=Category)
    level = models.TextField(default="")
    allow = models.BooleanField(default=False)  # an allow-list word: wins over hits inside it
    options = models.TextField(default="")  # which ways of writing it takes; "" by its length
    added_by = models.TextField(default="")

    class Meta:
        db_table = "keyword"
        # A page of one category in the order of words, without sorting the category.
        indexes = (models.Index(fields=["community_id", "allow", "category", "word"], name="keyword_by_category"),)


class RuleReview(models.Model):
    """What a human found about one conclusion of a rule, the latest word; a projection of the log."""

    pk = models.CompositePrimaryKey("community_id", "rule", "seq")
    community_id = models.BigIntegerField()
    rule = models.TextField()
    seq = models.BigIntegerField()  # the event that the rule judged
    verdict_right = models.BooleanField()
    verdict_by = models.TextField(default="")
    verdict_at = models.DateTimeField()
    verdict_seq = models.BigIntegerField()  # the event that says so

    class Meta:
        db_table = "rule_review"
        indexes = (models.Index(fields=["community_id", "rule", "-verdict_seq"], name="rule_review_latest"),)


# Parts of this chapter keep their tables beside their code; Django looks for them here.
from qunzhu.risk.links.models import ShortLink  # noqa: E402

__all__ = ["Keyword", "RuleReview", "ShortLink"]
