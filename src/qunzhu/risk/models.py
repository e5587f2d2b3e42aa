"""The keyword library (关键词库). A change is told to the log (`keywords.changed`): consumers reload at that point."""

from django.db import models


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
    added_by = models.TextField(default="")

    class Meta:
        db_table = "keyword"
