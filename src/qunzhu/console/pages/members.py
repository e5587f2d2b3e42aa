"""成员: the list, one person with everything they did, and acts by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.moderation import MUTE_MINUTES, TEXT_LENGTH, CannotAct, act_on_member, adjust_points
from qunzhu.console.pages.acting import audited
from qunzhu.console.pages.feed import rows_of
from qunzhu.console.reading import members as reading
from qunzhu.console.reading import people, slices, stream
from qunzhu.console.reading.groups import abilities
from qunzhu.governance.elimination.selectors import open_observation
from qunzhu.governance.models import Penalty
from qunzhu.governance.services import AlreadyReversed, reverse_penalty
from qunzhu.kernel.cases.erasure import request_erasure
from qunzhu.kernel.cases.errors import CaseError
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.access import StaffRequest, check_may, staff_page
from qunzhu.kernel.community.models import Group, Member, Membership
from qunzhu.kernel.community.selectors import GONE, memberships_of

ERASE_WORD = lazy("抹除")


@dataclass(frozen=True)
class Deed:
    """An act on a member: its words, the permission it needs, whether it happens in one group."""

    label: Promise
    permission: str
    in_group: bool = False


DEEDS: dict[str, Deed] = {
    "warn": Deed(lazy("警告"), "member.warn", in_group=True),
    "mute": Deed(lazy("禁言"), "member.mute", in_group=True),
    "unmute": Deed(lazy("解除禁言"), "member.mute", in_group=True),
    "remove": Deed(lazy("移出群"), "member.remove", in_group=True),
    "points": Deed(lazy("调整积分"), "points.adjust"),
    "reverse": Deed(lazy("撤销处罚"), "penalty.reverse"),
    "erase": Deed(lazy("抹除内容"), "member.erase"),
}


LIST = ListSpec[reading.MemberRow](
    name="members",
    filters=("state", "group"),
    columns=(
        Column("name", pgettext_lazy("column", "成员"), lambda r: r.member.display_name, fixed=True),
        Column("number", lazy("编号"), lambda r: r.member.pk, "num", usual=False),
        Column("groups", lazy("群与状态"), lambda r: r.places),
        Column("points", lazy("积分"), lambda r: r.points, "num"),
        Column("joined", lazy("入群"), lambda r: r.joined_at, "wide", usual=False),
        Column("first_seen", lazy("首次出现"), lambda r: r.member.created_at, "wide"),
    ),
    export_action="member.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def index(request: StaffRequest, listing: Listing[reading.MemberRow]) -> HttpResponse:
    """Members, newest first."""
    community = request.community
    wanted = _filter(request)
    groups = people.group_names(community.pk)
    found = reading.members(community.pk, wanted, groups, before=slices.positive(request.GET.get("before")))
    listing.count_so_far(found.total)
    context = {
        "title": _("成员"),
        "list": listing,
        "rows": found.rows,
        "older": found.older,
        "group_names": groups,
        "search": wanted.text,
        "filters": _filters(request, groups),
    }
    return page(request, "console/members.html", context, active="members")


@staff_page("view")
@require_safe
def export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    community = request.community.pk
    rows = reading.everything(community, _filter(request), people.group_names(community))
    return as_file(request, LIST, fmt, rows)


@require_safe
@staff_page("view")
def detail(request: StaffRequest, member_id: int) -> HttpResponse:
    """Summary left, everything the member did and everything done about them right."""
    community, member = request.community, _member(request, member_id)
    found = stream.latest(
        community.pk, stream.StreamFilter(member=member.pk), before=slices.positive(request.GET.get("before"))
    )
    person = reading.person(community.pk, member, now=SYSTEM_CLOCK.now())
    context = {
        "title": member.display_name,
        "person": person,
        "rows": rows_of(request, found.events, found.erased),
        "older": found.older,
        "group_names": people.group_names(community.pk),
        "silence": open_observation(community.pk, member.pk),
        "deeds": [(name, deed.label) for name, deed in DEEDS.items() if _offered(request, name, deed, person)],
    }
    return page(request, "console/members_detail.html", context, active="members")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("view")
def act(request: StaffRequest, member_id: int) -> HttpResponse:
    """GET shows what will happen and asks; POST does it. The permission is that of the deed."""
    asked = request.POST if request.method == "POST" else request.GET
    what = asked.get("do", "")
    if what not in DEEDS:
        raise Http404
    check_may(request, DEEDS[what].permission)
    member = _member(request, member_id)
    error = ""
    if request.method == "POST":
        try:
            said = _DO[what](request, member)
        except CannotAct as refused:
            error = str(refused)
        else:
            messages.success(request, said)
            return redirect("console:member", request.community.slug, member.pk)
    return page(request, "console/members_act.html", _asking(request, member, what, error), active="members",
                status=422 if error else 200)  # fmt: skip


def _asking(request: StaffRequest, member: Member, what: str, error: str) -> dict[str, Any]:
    """What the confirmation page shows: where it happens, and how, on that group's platform."""
    inside = [m.group_id for m in memberships_of(request.community.pk, member.pk) if m.state not in GONE]
    groups = Group.objects.filter(community=request.community, pk__in=inside).order_by("name", "pk")
    places = []
    if DEEDS[what].in_group:
        for group in groups:
            profile, known = abilities(group)
            places.append((group, profile, next(a for a in known if a.action == what)))
    given = request.POST if request.method == "POST" else request.GET
    return {
        "title": f"{DEEDS[what].label} · {member.display_name}",
        "member": member,
        "what": what,
        "label": DEEDS[what].label,
        "places": places,
        "chosen": slices.positive(given.get("group")),
        "given": given,
        "minutes": [(m, m * 60) for m in MUTE_MINUTES],
        "penalty": _penalty(request, member, given.get("seq")) if what == "reverse" else None,
        "text_length": TEXT_LENGTH,
        "erase_word": ERASE_WORD,
        "form_key": given.get("key") or uuid4().hex,
        "error": error,
    }


def _in_group(kind: str) -> Callable[[StaffRequest, Member], str]:
    def do(request: StaffRequest, member: Member) -> str:
        wanted = slices.positive(request.POST.get("group"))
        group = Group.objects.filter(community=request.community, pk=wanted).first() if wanted else None
        if group is None:
            raise CannotAct(_("请选择在哪个群里执行"))
        text = request.POST.get("text", "").strip()[:TEXT_LENGTH]
        minutes = slices.positive(request.POST.get("minutes"))
        detail = {"do": kind, "group": group.pk, "text": text, **({"minutes": minutes} if kind == "mute" else {})}
        with audited(request, DEEDS[kind].permission, target=f"member:{member.pk}", detail=detail):
            act_on_member(
                kind=kind, group=group, member=member, key=request.POST.get("key", "")[:64],
                by=request.user.get_username(), now=SYSTEM_CLOCK.now(), text=text, minutes=minutes,
            )  # fmt: skip
        return _("已交给系统执行,结果会出现在时间线里。")

    return do


def _points(request: StaffRequest, member: Member) -> str:
    raw = request.POST.get("amount", "").strip().removeprefix("+")
    digits = raw.removeprefix("-")
    amount = int(raw) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0  # noqa: PLR2004
    reason = request.POST.get("text", "").strip()[:TEXT_LENGTH]
    detail = {"amount": amount, "reason": reason}
    with audited(request, "points.adjust", target=f"member:{member.pk}", detail=detail) as known:
        try:
            came = adjust_points(
                member=member, amount=amount, reason=reason, key=request.POST.get("key", "")[:64],
                by=request.user.get_username(), role=request.staff_role, now=SYSTEM_CLOCK.now(),
            )  # fmt: skip
        except CaseError as error:
            raise CannotAct(str(error)) from error
        if isinstance(came, Case):
            known["proposed"] = came.pk
    if isinstance(came, Case):
        return _("超过一个人能调整的数额,已提议;工单 #%(n)s 等另一位同事确认。") % {"n": came.pk}
    return _("已调整,现有 %(n)s 积分。") % {"n": came}


def _reverse(request: StaffRequest, member: Member) -> str:
    penalty = _penalty(request, member, request.POST.get("seq"))
    note = request.POST.get("text", "").strip()[:TEXT_LENGTH]
    if not note:
        raise CannotAct(_("请写下撤销的理由"))
    try:
        reverse_penalty(  # puts itself on record
            community_id=request.community.pk, seq=penalty.seq, by=request.user.get_username(), note=note,
            now=SYSTEM_CLOCK.now(),
        )  # fmt: skip
    except AlreadyReversed as error:
        raise CannotAct(str(error)) from error
    return _("处罚已撤销,对应的记录不再计数。")


def _erase(request: StaffRequest, member: Member) -> str:
    if request.POST.get("word", "").strip() != str(ERASE_WORD):
        raise CannotAct(_("请输入“%(word)s”来确认") % {"word": ERASE_WORD})
    try:
        case = request_erasure(  # puts itself on record
            community_id=request.community.pk, member_id=member.pk, user=request.user.get_username(),
            role=request.staff_role, reason=request.POST.get("text", "").strip()[:TEXT_LENGTH],
            now=SYSTEM_CLOCK.now(),
        )  # fmt: skip
    except CaseError as error:
        raise CannotAct(str(error)) from error
    if case.state == Case.State.OPEN:
        return _("已提议抹除,工单 #%(n)s 等另一位同事确认") % {"n": case.pk}
    return _("内容已抹除;事件的摘要还在,黑匣子仍可校验。")


_DO: dict[str, Callable[[StaffRequest, Member], str]] = {
    **{kind: _in_group(kind) for kind in ("warn", "mute", "unmute", "remove")},
    "points": _points,
    "reverse": _reverse,
    "erase": _erase,
}


def _offered(request: StaffRequest, name: str, deed: Deed, person: reading.Person) -> bool:
    """Whether the button stands on the page: reversal stands beside its penalty, an unmute needs a mute."""
    states = {m.state for m in person.memberships}
    if name == "reverse" or person.member.erased_at or not request.may(deed.permission):
        return False
    if name == "unmute":
        return Membership.State.MUTED in states
    return not deed.in_group or bool(states - set(GONE))


def _penalty(request: StaffRequest, member: Member, raw: str | None) -> Penalty:
    seq = slices.positive(raw)
    return get_object_or_404(Penalty, community_id=request.community.pk, seq=seq, member_id=member.pk)


def _member(request: StaffRequest, member_id: int) -> Member:
    if member_id >= 1 << 63:
        raise Http404
    return get_object_or_404(Member, pk=member_id, community=request.community)


def _filter(request: StaffRequest) -> reading.MemberFilter:
    return reading.MemberFilter(
        text=request.GET.get("q", "").strip()[:60],
        state=request.GET.get("state", ""),
        group=slices.positive(request.GET.get("group")),
        today=local_day(SYSTEM_CLOCK.now(), request.community.timezone),
    )


def _filters(request: StaffRequest, groups: dict[int, str]) -> list[slices.Filter]:
    everything = _("全部")
    states: list[tuple[str, Any]] = [
        ("today", _("今天发过言")), ("never", _("从未发言")), ("penalised", _("有处罚")),
        *((value, _(label)) for value, label in Membership.State.choices if value != Membership.State.CANDIDATE),
    ]  # fmt: skip
    return [
        slices.chips(request.GET, "state", _("状态"), states, everything=everything),
        *slices.group_chips(request.GET, groups),
    ]
