"""活跃 › 等级: who stands where, and why, down to messages."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.reading import people, slices
from qunzhu.console.reading.slices import ROWS, Page
from qunzhu.engagement.levels import policy, selectors
from qunzhu.engagement.levels.models import LevelFigure
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.selectors import blueprint_of

RISK = {"risk": lazy("有下降风险")}


@dataclass(frozen=True)
class LevelRow:
    """A member's figures with the names."""

    figure: LevelFigure
    member: str
    name: str


LIST = ListSpec[LevelRow](
    name="levels",
    filters=("level", "standing"),
    columns=(
        Column("member", pgettext_lazy("column", "成员"), lambda r: r.member or r.figure.member_id, fixed=True),
        Column("level", lazy("等级"), lambda r: r.figure.level, "num"),
        Column("name", lazy("名称"), lambda r: r.name),
        Column("score", lazy("分数"), lambda r: r.figure.score, "num"),
        Column("quality", lazy("优质发言"), lambda r: r.figure.quality_points, "num"),
        Column("active", lazy("活跃时长"), lambda r: r.figure.active_points, "num"),
        Column("messages", lazy("计入的消息"), lambda r: r.figure.messages, "num"),
        Column("hours", lazy("活跃小时"), lambda r: r.figure.hours, "num"),
        Column("until", lazy("保级截止"), lambda r: r.figure.until or "", "num"),
    ),
    export_action="levels.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def level_list(request: StaffRequest, listing: Listing[LevelRow]) -> HttpResponse:
    """Members of the latest run, the highest first."""
    community = request.community.pk
    names = policy.settings_from(blueprint_of(community)).names
    rows = selectors.figures(community, **_wanted(request))
    total = rows.count()
    number = min(slices.page_number(request.GET.get("page")), max(1, -(-total // ROWS)))
    shown = _named(community, list(rows[(number - 1) * ROWS : number * ROWS]), names)
    listing.count(total)
    sizes = {str(level): n for level, n in selectors.sizes(community).items()}
    context = {
        "title": _("等级"),
        "list": listing,
        "page": Page(shown, total, number),
        "rows": shown,
        "filters": [
            slices.chips(
                request.GET, "level", _("等级"), [(str(n), name) for n, name in enumerate(names)], counts=sizes,
                everything=_("全部"),
            ),
            slices.chips(request.GET, "standing", _("状态"), list(RISK.items()), everything=_("全部")),
        ],
    }  # fmt: skip
    return page(request, "console/levels.html", context, active="levels")


@staff_page("view")
@require_safe
def level_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered members as CSV or Excel; exporting is itself recorded."""
    community = request.community.pk
    names = policy.settings_from(blueprint_of(community)).names
    found = selectors.figures(community, **_wanted(request)).iterator(chunk_size=2_000)
    rows = (row for part in slices.in_parts(found) for row in _named(community, part, names))
    return as_file(request, LIST, fmt, rows)


@staff_page("view")
@require_safe
def level_page(request: StaffRequest, member_id: int) -> HttpResponse:
    """One member's level: its two sides, and every day and message that counted."""
    community = request.community.pk
    member = Member.objects.filter(community_id=community, pk=member_id).first() if member_id < 1 << 63 else None
    if member is None:
        raise Http404(_("没有这位成员的等级"))
    settings = policy.settings_from(blueprint_of(community))
    run = selectors.last_run(community)
    context: dict[str, Any] = {
        "title": _("%(name)s 的等级") % {"name": member.display_name},
        "member": member,
        "card": selectors.cards(community, [member_id], settings)[member_id],
        "counted": selectors.counted_of(community, member_id, settings, run) if run else [],
        "run": run,
        "references": [f"{figure / 100:,.0f}" for figure in _references(run)],
        "settings": settings,
        "best": policy.BEST_OF_DAY,
        "hours": policy.HOURS_OF_DAY,
    }
    return page(request, "console/level.html", context, active="levels")


def _references(run: Any) -> tuple[int, int]:
    """What everybody was measured by."""
    if run is None:
        return (0, 0)
    return max(run.quality_reference, policy.QUALITY_FLOOR), max(run.active_reference, policy.ACTIVE_FLOOR)


def _wanted(request: StaffRequest) -> dict[str, Any]:
    raw = request.GET.get("level", "")
    level = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 3 else None  # noqa: PLR2004
    return {"level": level, "at_risk": request.GET.get("standing") == "risk"}


def _named(community: int, found: list[LevelFigure], names: tuple[str, ...]) -> list[LevelRow]:
    members = people.member_names(community, [f.member_id for f in found])
    return [LevelRow(f, members.get(f.member_id, ""), names[min(f.level, len(names) - 1)]) for f in found]
