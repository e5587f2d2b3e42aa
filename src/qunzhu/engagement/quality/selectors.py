"""What pages and other chapters read of scores: quality content, its share, the best of a member."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Q, QuerySet

from qunzhu.engagement.quality.models import MessageScore
from qunzhu.engagement.quality.policy import Scored, settings_from
from qunzhu.kernel.community.selectors import blueprint_of


@dataclass(frozen=True)
class ScoreFilter:
    """What the list of scores looks for; empty values ask for nothing. `kind`: quality, copied, punished, denied."""

    kind: str = ""
    group: int | None = None
    member: int | None = None


def threshold_of(community_id: int) -> int:
    """From this score on a message is quality content."""
    return settings_from(blueprint_of(community_id)).threshold


def scored(row: MessageScore) -> Scored:
    """The row as the policy sees it, to name its parts."""
    return Scored(
        row.message_seq, row.group_id, row.member_id, row.day, row.historic, row.length, row.information, row.sources,
        row.copy_of, row.replies, row.reactions, row.word, row.punished_by,
    )  # fmt: skip


def score_rows(community_id: int, wanted: ScoreFilter) -> QuerySet[MessageScore]:
    """The newest first."""
    rows = MessageScore.objects.filter(community_id=community_id).order_by("-message_seq")
    if wanted.kind == "quality":
        rows = rows.filter(score__gte=threshold_of(community_id))
    elif wanted.kind == "copied":
        rows = rows.exclude(copy_of=0)
    elif wanted.kind == "punished":
        rows = rows.exclude(punished_by="")
    elif wanted.kind:
        rows = rows.filter(word=wanted.kind)
    if wanted.group is not None:
        rows = rows.filter(group_id=wanted.group)
    return rows if wanted.member is None else rows.filter(member_id=wanted.member)


def best_of(community_id: int, member_id: int, *, since: date, most: int = 5) -> list[MessageScore]:
    """A member's best messages since a day, quality content only."""
    rows = MessageScore.objects.filter(
        community_id=community_id, member_id=member_id, day__gte=since, score__gte=threshold_of(community_id)
    )
    return list(rows.order_by("-score", "-message_seq")[:most])


def quality_share(community_id: int, *, first: date, last: date, group_id: int | None = None) -> tuple[int, int]:
    """(quality content, messages) of the days, both included: what the pyramid's middle is made of."""
    rows = MessageScore.objects.filter(community_id=community_id, day__range=(first, last))
    if group_id is not None:
        rows = rows.filter(group_id=group_id)
    found = rows.aggregate(good=Count("message_seq", filter=Q(score__gte=threshold_of(community_id))), n=Count("day"))
    return found["good"], found["n"]
