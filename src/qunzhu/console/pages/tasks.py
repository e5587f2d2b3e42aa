"""活跃 › 任务: every task with how many did it, and who; both as files."""

from dataclasses import dataclass

from django.http import HttpResponse, HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.reading import slices
from qunzhu.console.reading.people import member_names
from qunzhu.engagement.tasks import selectors
from qunzhu.engagement.tasks.models import TaskProgress
from qunzhu.engagement.tasks.selectors import TaskRow
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.access import StaffRequest, staff_page

KINDS: dict[str, Promise] = {
    "newcomer": lazy("新人之路"), "daily": lazy("每日"), "weekly": lazy("每周"), "contribution": lazy("贡献"),
}  # fmt: skip
STATES: dict[str, Promise] = {"done": lazy("已完成"), "open": lazy("进行中"), "back": lazy("已撤销")}


def said(period: str) -> str:
    """The name of a period; days, weeks and months are written as they are kept."""
    return _("只有一次") if period == "once" else period


@dataclass(frozen=True)
class Person:
    """A member's progress, with the name."""

    progress: TaskProgress
    member: str

    @property
    def period(self) -> str:
        return said(self.progress.period)

    @property
    def state(self) -> str:
        if self.progress.taken_back:
            return "back"
        return "done" if self.progress.completed_at else "open"


LIST = ListSpec[TaskRow](
    name="tasks",
    filters=("kind",),
    columns=(
        Column("name", lazy("任务"), lambda r: r.unit.name, fixed=True),
        Column("kind", lazy("类型"), lambda r: KINDS[r.unit.kind]),
        Column("points", lazy("积分"), lambda r: r.unit.points, "num"),
        Column("period", lazy("本期"), lambda r: said(r.period), usual=False),
        Column("started", lazy("本期参与"), lambda r: r.started, "num"),
        Column("done", lazy("本期完成"), lambda r: r.done, "num"),
        Column("rate", lazy("完成率"), lambda r: r.percent, "num"),
        Column("ever", lazy("累计完成"), lambda r: r.ever, "num"),
        Column("back", lazy("被撤销"), lambda r: r.taken_back, "num", usual=False),
    ),
    export_action="tasks.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def task_list(request: StaffRequest, listing: Listing[TaskRow]) -> HttpResponse:
    """Every task and step that holds now, a path after its steps."""
    every = _rows(request)
    rows = _wanted(request, every)
    listing.count(len(rows))
    counts = {kind: sum(r.unit.kind == kind for r in every) for kind in KINDS}
    context = {
        "title": _("任务"),
        "list": listing,
        "rows": rows,
        "kinds": KINDS,
        "once": _("只有一次"),
        "filters": [
            slices.chips(request.GET, "kind", _("类型"), list(KINDS.items()), counts=counts, everything=_("全部"))
        ],
    }
    return page(request, "console/tasks.html", context, active="tasks")


@staff_page("view")
@require_safe
def task_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The tasks as CSV or Excel; exporting is itself recorded."""
    return as_file(request, LIST, fmt, _wanted(request, _rows(request)))


PEOPLE = ListSpec[Person](
    name="task_people",
    filters=("unit", "state", "period"),
    columns=(
        Column("member", pgettext_lazy("column", "成员"), lambda r: r.member or r.progress.member_id, fixed=True),
        Column("state", lazy("状态"), lambda r: STATES[r.state]),
        Column("period", lazy("期"), lambda r: said(r.progress.period)),
        Column("count", lazy("进度"), lambda r: f"{r.progress.count}/{r.progress.goal}", "num"),
        Column("points", lazy("积分"), lambda r: r.progress.points if r.state == "done" else 0, "num"),
        Column("done", lazy("完成时间"), lambda r: r.progress.completed_at, "num"),
    ),
    export_action="tasks.people.export",
)


@staff_page("view")
@require_safe
@list_page(PEOPLE)
def people(request: StaffRequest, listing: Listing[Person]) -> HttpResponse:
    """Who began one task, the latest first."""
    community, unit = request.community.pk, _unit(request)
    found = selectors.participants(community, unit, state=_state(request), period=_period(request))
    total = found.count()
    number = slices.page_number(request.GET.get("page"))
    first = (min(number, max(1, -(-total // slices.ROWS))) - 1) * slices.ROWS
    listing.count(total)
    units = {u.id: u.name for u in selectors.current_units(community)}
    periods = [(p, said(p)) for p in selectors.periods_of(community, unit)[: slices.MENU]]
    everything = _("全部")
    context = {
        "title": _("任务参与者"),
        "list": listing,
        "unit": units.get(unit, unit),
        "page": slices.Page(
            _people(community, list(found[first : first + slices.ROWS])), total, first // slices.ROWS + 1
        ),
        "states": STATES,
        "filters": [
            slices.chips(request.GET, "unit", _("任务"), list(units.items()), everything=everything),
            slices.chips(request.GET, "state", _("状态"), list(STATES.items()), everything=everything),
            slices.chips(request.GET, "period", _("期"), periods, everything=everything),
        ],
    }
    return page(request, "console/task_people.html", context, active="tasks")


@staff_page("view")
@require_safe
def people_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered participants as CSV or Excel; exporting is itself recorded."""
    community = request.community.pk
    found = selectors.participants(community, _unit(request), state=_state(request), period=_period(request))
    parts = slices.in_parts(found.iterator(chunk_size=2_000))
    return as_file(request, PEOPLE, fmt, (row for part in parts for row in _people(community, part)))


def _rows(request: StaffRequest) -> list[TaskRow]:
    day = local_day(SYSTEM_CLOCK.now(), request.community.timezone)
    return selectors.rows_of(request.community.pk, day)


def _wanted(request: StaffRequest, rows: list[TaskRow]) -> list[TaskRow]:
    kind = request.GET.get("kind", "")
    return [row for row in rows if kind not in KINDS or row.unit.kind == kind]


def _unit(request: StaffRequest) -> str:
    """The unit of the address; without one the list is of every unit."""
    return request.GET.get("unit", "").replace("\x00", "")[:130]


def _state(request: StaffRequest) -> str:
    state = request.GET.get("state", "")
    return state if state in STATES else ""


def _period(request: StaffRequest) -> str:
    return request.GET.get("period", "").replace("\x00", "")[:20]


def _people(community_id: int, rows: list[TaskProgress]) -> list[Person]:
    names = member_names(community_id, [row.member_id for row in rows])
    return [Person(row, names.get(row.member_id, "")) for row in rows]
