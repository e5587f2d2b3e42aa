"""荣誉 on a phone: the lists with my own place, my badges with what the others ask for, the hall of fame."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_GET

from qunzhu.engagement.honours import awarding, selectors
from qunzhu.engagement.honours.policy import Place, badges_from, week_of
from qunzhu.kernel.blueprint.chapters.engagement import Badge
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.selectors import names_of
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.portal.identity import Visitor, members_only

BOARDS = {"week": lazy("本周"), "newcomers": lazy("新人"), "progress": lazy("进步"), "all": lazy("总榜")}
COUNTS = {
    "checkin": lazy("签到次数"), "streak": lazy("最长连续签到天数"), "quality": lazy("优质内容条数"),
    "report": lazy("举报属实次数"), "top": lazy("上周榜次数"), "days": lazy("入群天数"),
}  # fmt: skip
WEEKS = 12


@dataclass(frozen=True)
class Row:
    """A place with its name. `me`: mine."""

    place: Place
    name: str
    me: bool


@dataclass(frozen=True)
class Medal:
    """A badge: held or what is done of what it asks for."""

    badge: Badge
    held: bool
    counts: object
    done: int


@require_GET
@members_only
def honours(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """One of the lists, my own place pinned below it."""
    name = request.GET.get("board", "week")
    name = name if name in BOARDS else "week"
    community, me = visitor.community, visitor.member.pk
    today = local_day(SYSTEM_CLOCK.now(), community.timezone)
    found = selectors.board(community, name, week=week_of(today), member_id=me)
    names = names_of(community.pk, [place.member for place in found.top.places])
    rows = [Row(place, names.get(place.member, ""), place.member == me) for place in found.top.places]
    shown = {row.place.member for row in rows}
    # Progress is held in quarter points, so that the mean of four weeks is exact.
    context = _shell(visitor) | {
        "board": name, "boards": BOARDS, "rows": rows, "more": found.top.more, "people": found.people,
        "own": found.own if found.own is not None and me not in shown else None, "ahead": found.ahead,
        "mine": found.own, "quarters": name == "progress",
    }  # fmt: skip
    return render(request, "portal/honours.html", context)


@require_GET
@members_only
def badges(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """My badges, and what the rest ask for."""
    community, me = visitor.community, visitor.member.pk
    raw = raw_connection()
    held = awarding.held_by(raw, community.pk, [me]).get(me, {})
    done = awarding.counts_of(raw, community.pk, [me], now=SYSTEM_CLOCK.now()).get(me, {})
    medals = [
        Medal(b, held.get(b.id, (0, False))[1], COUNTS[b.counts], min(done.get(b.counts, 0), b.at))
        for b in badges_from(community.blueprint)
    ]
    medals.sort(key=lambda medal: not medal.held)
    context = _shell(visitor) | {"medals": medals, "held": sum(medal.held for medal in medals)}
    return render(request, "portal/badges.html", context)


@require_GET
@members_only
def fame(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """名人堂: who was in the weekly list how often, and the last closed weeks."""
    community = visitor.community.pk
    famous = selectors.famous(community)
    weeks = selectors.closed_weeks(community, limit=WEEKS)
    places = selectors.places_of(community, [closed.week for closed in weeks])
    members = {member for member, *_ in famous} | {p.member_id for found in places.values() for p in found}
    names = names_of(community, members)
    context = _shell(visitor) | {
        "famous": [(names.get(member, ""), *figures) for member, *figures in famous],
        "weeks": [
            (closed.week, [(p.rank, names.get(p.member_id, ""), p.points) for p in places[closed.week]][:3])
            for closed in weeks
        ],
    }  # fmt: skip
    return render(request, "portal/fame.html", context)


def _shell(visitor: Visitor) -> dict[str, object]:
    return {"visitor": visitor, "tab": "me", "now": SYSTEM_CLOCK.now(), "zone": visitor.community.timezone}
