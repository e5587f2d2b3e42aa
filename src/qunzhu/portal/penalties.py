"""Penalties as their member reads them: what was decided and why, what came of it, and the appeal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from qunzhu.governance.models import Appeal, Penalty
from qunzhu.governance.policy import AppealSettings, appeal_settings, verdict_on_appeal
from qunzhu.governance.selectors import appeals_against, carried_out, points_taken
from qunzhu.kernel.cases.appeals import reviewers
from qunzhu.kernel.community.models import Community, Group
from qunzhu.kernel.connectors.local.models import Room
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.models import RulebookVersion
from qunzhu.kernel.events.models import Event
from qunzhu.portal.selectors import SPOKEN

PENALTY_PAGE = 20
LONGEST_SEQ = 1 << 63


@dataclass(frozen=True)
class PenaltyCard:
    """A penalty as its member reads it: the sentence, the clause it rests on, and the own words that it is about.

    `running`: it still holds. `counts_until`: until when its strike counts, None when it does not. `appeal_until`: by
    when an appeal can still be filed, None when it cannot. `effect`: how it was carried out. `way_back`: the join code
    of the group, when a removal was taken back.
    """

    penalty: Penalty
    clause: str
    rule_name: str
    version: int
    group: str
    evidence: list[Event]
    running: bool
    counts_until: datetime | None
    appeal: Appeal | None
    appeal_until: datetime | None
    effect: Effect | None
    points: int
    way_back: str


def penalties_of(
    community: Community, member_id: int, *, before: int | None, now: datetime
) -> tuple[list[PenaltyCard], int | None]:
    """A page of penalties, newest first, and the seq that continues it (None: no more). Eight queries at most."""
    found = Penalty.objects.filter(community_id=community.pk, member_id=member_id)
    if before is not None:
        found = found.filter(seq__lt=before)
    page = list(found.order_by("-seq")[: PENALTY_PAGE + 1])
    more = page[PENALTY_PAGE - 1].seq if len(page) > PENALTY_PAGE else None
    return _cards(community, page[:PENALTY_PAGE], now), more


def penalty_of(community: Community, member_id: int, seq: int, *, now: datetime) -> PenaltyCard | None:
    """One of the member's own penalties, or None."""
    found = Penalty.objects.filter(community_id=community.pk, member_id=member_id, seq=seq) if seq < LONGEST_SEQ else ()
    return next(iter(_cards(community, list(found), now)), None)


def others_decide(community: Community, penalty: Penalty) -> bool:
    """Whether somebody other than the penalty's decider can look at an appeal."""
    return bool(reviewers(community.pk, first_decider=penalty.decided_by, member_id=penalty.member_id))


def _cards(community: Community, page: Sequence[Penalty], now: datetime) -> list[PenaltyCard]:
    if not page:
        return []
    rules = _rules(community.pk, {p.cause_version or p.rulebook_version for p in page})
    words = _own_words(community.pk, page[0].member_id, {seq for p in page for seq in [*p.evidence, p.seq]})
    names = dict(Group.objects.filter(pk__in={p.group_id for p in page}).values_list("pk", "name"))
    appeals = appeals_against(community.pk, page)
    effects = carried_out(community.pk, page)
    points = points_taken(community.pk, page)
    settings = appeal_settings(community.blueprint)
    back = {p.group_id or 0 for p in page if p.step == Penalty.Step.REMOVE and p.reversed_at is not None}
    ways = dict(Room.objects.filter(group_id__in=back).values_list("group_id", "join_code")) if back else {}
    return [
        _card(
            p, rules.get((p.cause_version or p.rulebook_version, p.cause_rule or p.rule), {}), words, names, now,
            appeal=appeals.get(p.seq), settings=settings, effect=effects.get(p.seq), points=points.get(p.seq, 0),
            way_back=ways.get(p.group_id or 0, "") if p.step == Penalty.Step.REMOVE and p.reversed_at else "",
        )
        for p in page
    ]  # fmt: skip


def _card(  # noqa: PLR0913  (a card is put together once, by name)
    penalty: Penalty,
    rule: dict[str, Any],
    words: dict[int, Event],
    names: dict[int, str],
    now: datetime,
    *,
    appeal: Appeal | None,
    settings: AppealSettings,
    effect: Effect | None,
    points: int,
    way_back: str,
) -> PenaltyCard:
    holds = penalty.reversed_at is None
    expires = penalty.strike_until if holds and penalty.strike else None
    refused = verdict_on_appeal(
        at=penalty.at, now=now, is_reversed=not holds, appealed=appeal is not None, settings=settings
    )
    return PenaltyCard(
        penalty=penalty,
        clause=str(rule.get("clause") or ""),
        rule_name=str(rule.get("name") or penalty.cause_rule or penalty.rule),
        version=penalty.cause_version or penalty.rulebook_version,
        group=names.get(penalty.group_id or 0, ""),
        evidence=[words[seq] for seq in sorted({*penalty.evidence, penalty.seq}) if seq in words],
        running=holds and penalty.ends_at is not None and penalty.ends_at > now,
        counts_until=expires if expires is not None and expires > now else None,
        appeal=appeal,
        appeal_until=None if refused else penalty.at + timedelta(days=settings.within),
        effect=effect,
        points=points,
        way_back=way_back,
    )


def _rules(community_id: int, versions: Iterable[int]) -> dict[tuple[int, str], dict[str, Any]]:
    books = RulebookVersion.objects.filter(community_id=community_id, version__in=list(versions))
    return {(book.version, str(rule.get("id"))): rule for book in books for rule in book.rules}


def _own_words(community_id: int, member_id: int, seqs: Iterable[int]) -> dict[int, Event]:
    """Only the member's own messages: what others said is not shown on a page about a penalty."""
    own = Event.objects.filter(
        community_id=community_id, member_id=member_id, seq__in=list(seqs), kind__in=SPOKEN, body__isnull=False
    )
    return {event.seq: event for event in own}
