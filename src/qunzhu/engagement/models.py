"""Daily check-ins: a projection of the log. Points themselves live in the ledger."""

from django.db import models


class CheckIn(models.Model):
    pk = models.CompositePrimaryKey("community_id", "member_id", "day")
    community_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    day = models.DateField()
    seq = models.BigIntegerField()
    streak = models.IntegerField()
    points = models.IntegerField()

    class Meta:
        db_table = "check_in"


from qunzhu.engagement.honours.models import (  # noqa: E402
    Badge,  # noqa: F401
    HonourClosed,  # noqa: F401
    HonourCount,  # noqa: F401
    HonourPenalty,  # noqa: F401
    HonourPlace,  # noqa: F401
    HonourWeek,  # noqa: F401
)
from qunzhu.engagement.mall.models import MallCode, MallGood, MallOrder, MallPicture  # noqa: E402, F401
