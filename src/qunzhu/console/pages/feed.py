"""动态: the log as it grows, decisions with their evidence, filters in the URL."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from qunzhu.analytics.selectors import day_bounds
from qunzhu.console.context import fragment, page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import conversation, people, slices, stream, telling
from qunzhu.console.reading.cases import rule_names
from qunzhu.console.reading.downloads import download
from qunzhu.console.reading.slices import Filter
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.events.schema import Event

MAX_GROUP_CHIPS = 12
_DAYS = {"today": 0, "yesterday": 1, "7d": 6, "30d": 29}


@require_safe
@staff_page("view")
def feed(request: StaffRequest) -> HttpResponse:
    """Fifty events, newest first, and more as they come."""
    wanted, before = stream_filter(request), slices.positive(request.GET.get("before"))
    found = stream.latest(request.community.pk, wanted, before=before)
    context = {
        "title": _("动态"),
        "rows": rows_of(request, found.events, found.erased),
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
    answer = fragment(request, "console/feed_rows.html", {"rows": rows, "fresh": True})
    answer["X-Last"], answer["X-Count"] = str(found.head), str(len(rows))
    return answer


@require_safe
@staff_page("view")
def export(request: StaffRequest) -> HttpResponseBase:
    """What is filtered, as CSV or Excel, at most 100,000 rows; on record."""
    community = request.community
    fmt = "xlsx" if request.GET.get("format") == "xlsx" else "csv"
    wanted = stream_filter(request)
    with audited(request, "feed.export", detail={"format": fmt, "filter": request.GET.dict()}):
        groups = people.group_names(community.pk)
    header = [
        _("编号"),
        _("时间"),
        _("事件"),
        _("群"),
        _("成员编号"),
        _("成员"),
        _("内容"),
        _("说明"),
        _("级别"),
        _("结果"),
    ]
    events = stream.everything(community.pk, wanted)
    rows = (
        (r.seq, r.at, r.what, r.group, r.member_id, r.who, r.said, r.about, r.level, r.outcome)
        for part in _parts(events)
        for r in rows_of(request, part, frozenset(), groups=groups)
    )
    return download(fmt, "events", header, rows, zone=community.timezone)


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
    }
    return page(request, "console/feed_event.html", context, active="feed")


def _effects(event: Event, cause: int) -> list[Effect]:
    """What rules asked for because of `cause`, within the hour after this event was received."""
    soon = (event.received_at - timedelta(hours=1), event.received_at + timedelta(hours=1))
    rows = Effect.objects.filter(community_id=event.community_id, created_at__range=soon, cause_seq=cause)
    return list(rows.order_by("created_at")[:50])


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
    family = telling.FAMILIES.get(get("kind", ""))
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
    chosen = slices.positive(request.GET.get("group"))
    shown = [(str(pk), name) for pk, name in list(groups.items())[:MAX_GROUP_CHIPS]]
    if chosen in groups and str(chosen) not in dict(shown):
        shown.append((str(chosen), groups[chosen]))
    kinds: list[tuple[str, Any]] = [(name, label) for name, (label, _kinds) in telling.FAMILIES.items()]
    ranges = [("today", _("今天")), ("yesterday", _("昨天")), ("7d", _("7 天")), ("30d", _("30 天"))]
    rows = [
        slices.chips(request.GET, "kind", _("事件"), kinds, everything=everything),
        slices.chips(request.GET, "range", _("时间"), ranges, everything=everything),
    ]
    if shown:
        rows.append(slices.chips(request.GET, "group", _("群"), shown, everything=everything))
    if request.GET.get("kind") == "decisions" or request.GET.get("level") or request.GET.get("outcome"):
        rows.append(slices.chips(request.GET, "level", _("级别"), list(telling.LEVELS.items()), everything=everything))
        rows.append(
            slices.chips(request.GET, "outcome", _("结果"), list(telling.OUTCOMES.items()), everything=everything)
        )
    return rows


def _parts(events: Iterable[Event]) -> Iterable[list[Event]]:
    """Lists of at most 2,000, so that names are looked up in few queries."""
    part: list[Event] = []
    for item in events:
        part.append(item)
        if len(part) == 2_000:  # noqa: PLR2004
            yield part
            part = []
    if part:
        yield part
