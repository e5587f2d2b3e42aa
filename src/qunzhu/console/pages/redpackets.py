"""活跃 › 红包雨: the calendar of packets, the form that schedules one, a running one to look at."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import slices
from qunzhu.console.reading.people import group_names
from qunzhu.console.redpacket_forms import PacketForm
from qunzhu.engagement.redpacket import policy, selectors, services
from qunzhu.engagement.redpacket.models import RedPacket
from qunzhu.engagement.redpacket.policy import Refused
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page

BIGINT = 1 << 63
KEY_LENGTH = 64
SHARES_SHOWN = 200
STATES: dict[str, Promise] = {
    policy.PLANNED: lazy("已安排"),
    policy.OPEN: lazy("进行中"),
    policy.CLOSED: lazy("已结束"),
    policy.CANCELLED: lazy("已取消"),
}
HOW: dict[str, Promise] = {"hand": lazy("手动"), "random": lazy("随机")}
WHY: dict[str, Promise] = {
    "taken": lazy("抢完"), "time": lazy("到时间"), "staff": lazy("人工结束"), "missed": lazy("错过时间"),
    "budget": lazy("赞助余额不足"),
}  # fmt: skip


@dataclass(frozen=True)
class PacketRow:
    """A packet with the name of its group."""

    packet: RedPacket
    group: str


LIST = ListSpec[PacketRow](
    name="redpackets",
    filters=("state",),
    columns=(
        Column("number", lazy("编号"), lambda r: r.packet.pk, "num", fixed=True),
        Column("opens", lazy("时间"), lambda r: r.packet.opens_at, "num", fixed=True),
        Column("state", lazy("状态"), lambda r: STATES[r.packet.state]),
        Column("group", lazy("群"), lambda r: r.group),
        Column("budget", lazy("积分"), lambda r: r.packet.budget, "num"),
        Column("shares", lazy("份数"), lambda r: r.packet.shares, "num"),
        Column("taken", lazy("已抢"), lambda r: r.packet.taken, "num"),
        Column("paid", lazy("已发积分"), lambda r: r.packet.paid, "num"),
        Column("how", lazy("方式"), lambda r: HOW[r.packet.how]),
        Column("by", lazy("安排人"), lambda r: r.packet.made_by, usual=False),
        Column("ended", lazy("结束时间"), lambda r: r.packet.ended_at, "num", usual=False),
    ),
    export_action="redpacket.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def packet_list(request: StaffRequest, listing: Listing[PacketRow]) -> HttpResponse:
    """Every packet, the latest first, with filters in the URL."""
    rows = selectors.packets(request.community.pk, state=_state(request))
    total = rows.count()
    number = slices.page_number(request.GET.get("page"))
    first = (min(number, max(1, -(-total // slices.ROWS))) - 1) * slices.ROWS
    listing.count(total)
    shown = _rows(request.community.pk, list(rows[first : first + slices.ROWS]))
    chips = slices.chips(
        request.GET, "state", _("状态"), list(STATES.items()), counts=selectors.states(request.community.pk),
        everything=_("全部"),
    )  # fmt: skip
    context = {
        "title": _("红包雨"), "list": listing, "page": slices.Page(shown, total, first // slices.ROWS + 1),
        "states": STATES, "how": HOW, "filters": [chips],
    }  # fmt: skip
    return page(request, "console/redpackets.html", context, active="redpackets")


@staff_page("view")
@require_safe
def packet_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered packets as CSV or Excel; exporting is itself recorded."""
    rows = selectors.packets(request.community.pk, state=_state(request))
    return as_file(request, LIST, fmt, _rows(request.community.pk, list(rows)))


@staff_page("redpacket.run")
def packet_new(request: StaffRequest) -> HttpResponse:
    """The form; a POST schedules, or opens at once."""
    community, now = request.community, SYSTEM_CLOCK.now()
    form = PacketForm(community, policy.settings_from(community.blueprint), request.POST or None)
    key = request.POST.get("key", "")[:KEY_LENGTH] or uuid4().hex
    if request.method == "POST" and form.is_valid():
        try:
            with audited(request, "redpacket.plan", detail={"budget": form.cleaned_data["budget"]}) as detail:
                made = services.plan(
                    community_id=community.pk, group_id=int(form.cleaned_data["group"]), terms=form.terms(),
                    opens_at=form.cleaned_data["at"] or now, key=f"hand:{key}", by=request.user.get_username(), now=now,
                )  # fmt: skip
                detail["packet"] = made.pk
                if form.cleaned_data["at"] is None:
                    services.open_packet(community_id=community.pk, packet_id=made.pk, now=now)
        except Refused as reason:
            form.add_error(None, _(str(reason)))
        else:
            messages.success(request, _("红包已安排") if form.cleaned_data["at"] else _("红包雨开始了"))
            return redirect("console:redpacket", slug=community.slug, packet_id=made.pk)
    context = {"title": _("安排红包雨"), "form": form, "key": key}
    status = 422 if form.is_bound else 200
    return page(request, "console/redpacket_new.html", context, active="redpackets", status=status)


@staff_page("view")
@require_safe
def packet_page(request: StaffRequest, packet_id: int) -> HttpResponse:
    """One packet: while it is open, its counts and who grabbed follow by themselves."""
    return _page(request, _packet(request, packet_id))


@staff_page("view")
@require_safe
def packet_live(request: StaffRequest, packet_id: int) -> HttpResponse:
    """The part that changes."""
    return render(request, "console/redpacket_live.html", _told(request, _packet(request, packet_id)))


@staff_page("redpacket.run")
@require_POST
def packet_cancel(request: StaffRequest, packet_id: int) -> HttpResponse:
    """Take it out of the calendar."""
    return _act(request, packet_id, "cancel", _("已取消"))


@staff_page("redpacket.run")
@require_POST
def packet_close(request: StaffRequest, packet_id: int) -> HttpResponse:
    """End it early; the rest goes back."""
    return _act(request, packet_id, "close", _("已结束,没抢的积分已退回"))


def _act(request: StaffRequest, packet_id: int, what: str, done: str) -> HttpResponse:
    found = _packet(request, packet_id)
    whose: dict[str, Any] = {
        "community_id": request.community.pk, "packet_id": packet_id, "by": request.user.get_username(),
        "now": SYSTEM_CLOCK.now(),
    }  # fmt: skip
    try:
        with audited(request, f"redpacket.{what}", target=f"redpacket:{packet_id}"):
            if what == "cancel":
                services.cancel(**whose)
            else:
                services.close(why="staff", **whose)
    except Refused as reason:
        found.refresh_from_db()
        return _page(request, found, problem=_(str(reason)), status=409)
    messages.success(request, done)
    return redirect("console:redpacket", slug=request.community.slug, packet_id=packet_id)


def _page(request: StaffRequest, found: RedPacket, *, problem: str = "", status: int = 200) -> HttpResponse:
    context = {"title": _("红包 #%(n)s") % {"n": found.pk}, "problem": problem, **_told(request, found)}
    return page(request, "console/redpacket.html", context, active="redpackets", status=status)


def _told(request: StaffRequest, found: RedPacket) -> dict[str, Any]:
    rows = selectors.shares(found)
    over = found.state == policy.CLOSED
    return {
        "community": request.community,
        "packet": found,
        "state_name": STATES[found.state],
        "how_name": HOW[found.how],
        "why_name": WHY.get(found.why, ""),
        "group_name": group_names(request.community.pk).get(found.group_id, ""),
        "rows": list(reversed(rows[-SHARES_SHOWN:])),
        "problems": selectors.proves(found) if over else [],
        "over": over,
        "rest": found.budget - found.paid if found.state == policy.OPEN else 0,
    }


def _packet(request: StaffRequest, packet_id: int) -> RedPacket:
    found = selectors.packet(request.community.pk, packet_id) if packet_id < BIGINT else None
    if found is None:
        raise Http404
    return found


def _rows(community_id: int, packets: list[RedPacket]) -> list[PacketRow]:
    names = group_names(community_id)
    return [PacketRow(packet, names.get(packet.group_id, "")) for packet in packets]


def _state(request: StaffRequest) -> str:
    state = request.GET.get("state", "")
    return state if state in STATES else ""
