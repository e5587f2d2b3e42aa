"""Short links that were asked about; not a projection: it only keeps a link from being asked twice."""

from django.db import models


class ShortLink(models.Model):
    pk = models.CompositePrimaryKey("community_id", "link")
    community_id = models.BigIntegerField()
    link = models.TextField()  # canonical
    seq = models.BigIntegerField()  # the first message that had it
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "short_link"
        indexes = (models.Index(fields=["community_id", "asked_at"], name="short_link_by_time"),)
