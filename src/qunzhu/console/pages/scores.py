"""活跃 › 质量分: what each message scores, part by part; staff say here that one is no quality content."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import people, slices
from qunzhu.engagement.quality import selectors
from qunzhu.engagement.quality.models import MessageScore
from qunzhu.engagement.quality.selectors import ScoreFilter
from qunzhu.engagement.quality.services import NotJudged, deny
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.permissions import may
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection

PARTS: dict[str, Promise] = {
    "length": pgettext_lazy("score", "长度"),
    "information": pgettext_lazy("score", "信息量"),
    "sources": pgettext_lazy("score", "来源链接"),
    "copied": pgettext_lazy("score", "重复"),
    "replies": pgettext_lazy("score", "回复"),
    "reactions": pgettext_lazy("score", "表态"),
    "marked": pgettext_lazy("score", "管理员加精"),
    "denied": pgettext_lazy("score", "管理员否决"),
    "punished": pgettext_lazy("score", "处罚或撤回"),
}
KINDS = ("quality", "copied", "punished", "marked", "denied")


@dataclass(frozen=True)
class ScoreRow:
    """A score with what was said ("" when erased) and names; `parts` sum to it."""

    score: MessageScore
    said: str
    member: str
    group: str
    parts: list[tuple[str, int]]

    @property
    def told(self) -> str:
        """The parts in one line, for files."""
        return " ".join(f"{name}{value:+d}" for name, value in self.parts)


LIST = ListSpec[ScoreRow](
    name="scores",
    filters=("kind", "group", "member"),
    columns=(
        Column("said", lazy("消息"), lambda r: r.said, fixed=True),
        Column("score", lazy("分数"), lambda r: r.score.score, "num", fixed=True),
        Column("parts", lazy("组成"), lambda r: r.told),
        Column("member", pgettext_lazy("column", "成员"), lambda r: r.member),
        Column("group", pgettext_lazy("column", "群"), lambda r: r.group),
        Column("day", lazy("时间"), lambda r: r.score.day, "num"),
    ),
    export_action="scores.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def score_list(request: StaffRequest, listing: Listing[ScoreRow]) -> HttpResponse:
    """Scored messages, the newest first."""
    community = request.community.pk
    rows = selectors.score_rows(community, _wanted(request))
    before = slices.positive(request.GET.get("before"))
    older = rows.filter(message_seq__lt=before) if before else rows
    found = slices.stretch(list(older[: slices.ROWS + 1]), lambda row: row.message_seq, slices.counted(rows))
    listing.count_so_far(found.total)
    kinds = {
        "quality": _("达到 %(n)s 分") % {"n": selectors.threshold_of(community)}, "copied": _("重复内容"),
        "punished": _("被处罚"), "marked": _("管理员评优"), "denied": _("管理员否决"),
    }  # fmt: skip
    context = {
        "title": _("质量分"),
        "may_mark": may(request.staff_role, "content.mark"),
        "list": listing,
        "older": found.older,
        "rows": _told(community, list(found.rows)),
        "filters": [
            slices.chips(request.GET, "kind", _("状态"), list(kinds.items()), everything=_("全部")),
            *slices.group_chips(request.GET, people.group_names(community)),
        ],
    }
    return page(request, "console/scores.html", context, active="scores")


@staff_page("view")
@require_safe
def score_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered messages as CSV or Excel; exporting is itself recorded."""
    community = request.community.pk
    found = selectors.score_rows(community, _wanted(request)).iterator(chunk_size=2_000)
    rows = (row for part in slices.in_parts(found) for row in _told(community, part))
    return as_file(request, LIST, fmt, rows)


@require_POST
@staff_page("content.mark")
def score_deny(request: StaffRequest, seq: int) -> HttpResponse:
    """Say that message `seq` is no quality content."""
    community = request.community.pk
    if seq >= 1 << 63:
        raise Http404
    try:
        with audited(request, "quality.deny", target=f"event:{seq}"):
            deny(community_id=community, seq=seq, by=request.user.get_username(), now=SYSTEM_CLOCK.now())
    except NotJudged as unknown:
        raise Http404 from unknown
    messages.success(request, _("已记下:这条不算优质内容。"))
    return redirect("console:scores", request.community.slug)


def _wanted(request: StaffRequest) -> ScoreFilter:
    """The filters in the URL; values that mean nothing are left out."""
    kind = request.GET.get("kind", "")
    return ScoreFilter(
        kind if kind in KINDS else "", slices.positive(request.GET.get("group")),
        slices.positive(request.GET.get("member")),
    )  # fmt: skip


def _told(community: int, found: list[MessageScore]) -> list[ScoreRow]:
    said = {e.seq: e.body for e in log.read_at(raw_connection(), community, [s.message_seq for s in found])}
    names, groups = people.member_names(community, [s.member_id for s in found]), people.group_names(community)
    rows = []
    for score in found:
        body = said.get(score.message_seq) or {}
        parts = [(str(PARTS[n]), value) for n, value in selectors.scored(score).parts().items()]
        text = str(body.get("text") or "") or (_("[图片]") if body.get("image") else "")
        rows.append(
            ScoreRow(score, text, names.get(score.member_id, ""), groups.get(score.group_id, ""), parts)
        )  # fmt: skip
    return rows
