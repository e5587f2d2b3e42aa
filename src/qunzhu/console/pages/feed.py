"""动态: the log as it grows, decisions with their evidence, filters in the URL."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from qunzhu.analytics.selectors import day_bounds
from qunzhu.console.context import fragment, page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.reading import conversation, people, quality, slices, stream, telling
from qunzhu.console.reading.cases import rule_names
from qunzhu.console.reading.slices import Filter
from qunzhu.console.reading.telling_kinds import FAMILIES
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.events.schema import Event

_DAYS = {"today": 0, "yesterday": 1, "7d": 6, "30d": 29}


LIST = ListSpec[telling.Row](
    name="feed",
    filters=("kind", "range", "group", "level", "outcome", "rule", "member"),
    columns=(
        Column("number", lazy("编号"), lambda r: r.seq, fixed=True),
        Column("at", lazy("时间"), lambda r: r.at),
        Column("what", lazy("事件"), lambda r: r.what, fixed=True),
        Column("group", pgettext_lazy("column", "群"), lambda r: r.group),
        Column("member_number", lazy("成员编号"), lambda r: r.member_id, usual=False),
        Column("member", pgettext_lazy("column", "成员"), lambda r: r.who),
        Column("said", lazy("内容"), lambda r: r.said),
        Column("about", lazy("说明"), lambda r: r.about),
        Column("level", lazy("级别"), lambda r: r.level),
        Column("outcome", lazy("结果"), lambda r: r.outcome),
    ),
    export_action="feed.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def feed(request: StaffRequest, listing: Listing[telling.Row]) -> HttpResponse:
    """Fifty events, newest first, and more as they come."""
    wanted, before = stream_filter(request), slices.positive(request.GET.get("before"))
    found = stream.latest(request.community.pk, wanted, before=before)
    context = {
        "title": _("动态"),
        "list": listing,
        "rows": rows_of(request, found.events, found.erased),
        "shows": listing.shows,
        "stream": found,
        "filters": _filters(request),
        "member": wanted.member,
        "member_name": people.member_names(request.community.pk, [wanted.member]).get(wanted.member or 0, ""),
        "older": found.older,
        "query": request.GET.urlencode(),
        "following": before is None and request.GET.get("range") != "yesterday",
    }
    return page(request, "console/feed.html", context, active="feed")


@require_safe
@staff_page("view")
def newer(request: StaffRequest) -> HttpResponse:
    """Events after ?after=, as rows to put on top. Headers: X-Last to ask from next, X-Count."""
    after = slices.positive(request.GET.get("after")) or 0
    found = stream.newer(request.community.pk, stream_filter(request), after=after)
    rows = rows_of(request, found.events, found.erased)
    shows = {column.name: True for column in LIST.shown(request.GET)}
    answer = fragment(request, "console/feed_rows.html", {"rows": rows, "fresh": True, "shows": shows})
    answer["X-Last"], answer["X-Count"] = str(found.head), str(len(rows))
    return answer


@require_safe
@staff_page("view")
def export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """What is filtered, as CSV or Excel, at most 100,000 rows; on record."""
    community = request.community.pk
    groups = people.group_names(community)
    events = stream.everything(community, stream_filter(request))
    rows = (
        row for part in slices.in_parts(events) for row in rows_of(request, part, frozenset(), groups=groups)
    )  # fmt: skip
    return as_file(request, LIST, fmt, rows)


@require_safe
@staff_page("view")
def event(request: StaffRequest, seq: int) -> HttpResponse:
    """One event: what was decided on it and why, its evidence in context, what came of it."""
    community = request.community
    found = stream.event_at(community.pk, seq) if seq < 1 << 63 else None
    if found is None:
        raise Http404
    cause_seq = found.body.get("cause_seq")
    cause = cause_seq if isinstance(cause_seq, int) else seq
    decisions = list(Decision.objects.filter(community_id=community.pk, seq=cause).order_by("rule"))
    evidence = sorted({s for d in decisions for s in d.evidence if isinstance(s, int)})
    lines = conversation.around(community.pk, found.group_id, cause, evidence=evidence)
    context = {
        "title": _("事件 %(seq)s") % {"seq": seq},
        "row_list": rows_of(request, [found], frozenset()),
        "event": found,
        "cause": cause,
        "decisions": decisions,
        "rule_names": rule_names(community.pk),
        "outcomes": telling.OUTCOMES,
        "lines": lines,
        "names": people.member_names(community.pk, [line.member_id for line in lines]),
        "effects": _effects(found, cause),
        "effect_names": telling.EFFECTS,
        "quality": quality.markable(community.pk, found),
        "may_mark": request.may("content.mark"),
    }
    return page(request, "console/feed_event.html", context, active="feed")


def _effects(event: Event, cause: int) -> list[Effect]:
    """What rules asked for because of `cause`, within the hour after this event was received."""
    soon = (event.received_at - timedelta(hours=1), event.received_at + timedelta(hours=1))
    rows = Effect.objects.filter(community_id=event.community_id, created_at__range=soon, cause_seq=cause)
    return list(rows.order_by("number")[:50])


def rows_of(
    request: StaffRequest, events: Iterable[Event], erased: frozenset[int], *, groups: dict[int, str] | None = None
) -> list[telling.Row]:
    """`events` told in this person's language; two queries for names."""
    community, events = request.community, list(events)
    return telling.tell(
        events,
        names=people.member_names(community.pk, telling.people_in(events)),
        groups=people.group_names(community.pk) if groups is None else groups,
        zone=community.timezone,
        now=SYSTEM_CLOCK.now(),
        language=get_language() or "zh-hans",
        erased=erased,
    )


def stream_filter(request: StaffRequest) -> stream.StreamFilter:
    """The filter in the URL; values that mean nothing are left out."""
    get = request.GET.get
    family = FAMILIES.get(get("kind", ""))
    level, outcome = get("level", ""), get("outcome", "")
    return stream.StreamFilter(
        kinds=family[1] if family else (),
        group=slices.positive(get("group")),
        member=slices.positive(get("member")),
        level=level if level in telling.LEVELS else "",
        outcome=outcome if outcome in telling.OUTCOMES else "",
        rule=get("rule", "")[:100],
        **_range(get("range", ""), request.community.timezone),
    )


def _range(name: str, zone: str) -> dict[str, datetime]:
    """`since` (and `until` for yesterday) of a named range in the community's days."""
    if name not in _DAYS:
        return {}
    today = local_day(SYSTEM_CLOCK.now(), zone)
    start, end = day_bounds(today - timedelta(days=_DAYS[name]), zone)
    return {"since": start, "until": end} if name == "yesterday" else {"since": start}


def _filters(request: StaffRequest) -> list[Filter]:
    everything = _("全部")
    groups = people.group_names(request.community.pk)
    kinds: list[tuple[str, Any]] = [(name, label) for name, (label, _kinds) in FAMILIES.items()]
    ranges = [("today", _("今天")), ("yesterday", _("昨天")), ("7d", _("7 天")), ("30d", _("30 天"))]
    rows = [
        slices.chips(request.GET, "kind", _("事件"), kinds, everything=everything),
        slices.chips(request.GET, "range", _("时间"), ranges, everything=everything),
        *slices.group_chips(request.GET, groups),
    ]
    if request.GET.get("kind") == "decisions" or request.GET.get("level") or request.GET.get("outcome"):
        rows.append(slices.chips(request.GET, "level", _("级别"), list(telling.LEVELS.items()), everything=everything))
        rows.append(
            slices.chips(request.GET, "outcome", _("结果"), list(telling.OUTCOMES.items()), everything=everything)
        )
    return rows
