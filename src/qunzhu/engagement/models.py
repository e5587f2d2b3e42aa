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
    made_up = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "check_in"


from qunzhu.engagement.challenge.models import Challenge, ChallengeEntry, ChallengeProof  # noqa: E402, F401
from qunzhu.engagement.debate.models import (  # noqa: E402, F401
    Debate,
    DebateArgument,
    DebateCard,
    DebateSide,
    DebateTopic,
    DebateVote,
    Poll,
    PollVote,
)
from qunzhu.engagement.honours.models import (  # noqa: E402
    Badge,  # noqa: F401
    HonourClosed,  # noqa: F401
    HonourCount,  # noqa: F401
    HonourPenalty,  # noqa: F401
    HonourPlace,  # noqa: F401
    HonourWeek,  # noqa: F401
)
from qunzhu.engagement.levels.models import ActiveDay, LevelFigure, LevelRun, MemberLevel  # noqa: E402, F401
from qunzhu.engagement.mall.models import MallCode, MallGood, MallOrder, MallPicture  # noqa: E402, F401
from qunzhu.engagement.quality.models import MessageScore, QualityGram, QualitySupport, QualityTie  # noqa: E402, F401
from qunzhu.engagement.redpacket.models import RedPacket, RedPacketShare  # noqa: E402, F401
from qunzhu.engagement.tasks.models import TaskBook, TaskGround, TaskNewcomer, TaskProgress  # noqa: E402, F401
