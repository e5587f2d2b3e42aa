"""群: the list, one group with what its platform can do, and acts by hand."""

from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import segno
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from qunzhu.analytics import selectors as analytics
from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.moderation import TEXT_LENGTH, CannotAct, act_on_group
from qunzhu.console.pages.acting import audited
from qunzhu.console.pages.feed import rows_of
from qunzhu.console.reading import groups as reading
from qunzhu.console.reading import slices, stream
from qunzhu.console.reading.telling import EFFECTS
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.access import StaffRequest, check_may, staff_page
from qunzhu.kernel.community.models import Group, Membership
from qunzhu.kernel.community.services import set_observation
from qunzhu.kernel.connectors.local.services import new_join_code, set_profile
from qunzhu.kernel.connectors.port import PROFILES

# act → the permission it needs
ACTS = {
    "announce": "group.announce",
    "freeze": "group.freeze",
    "unfreeze": "group.freeze",
    "profile": "group.edit",
    "code": "group.edit",
    "observe": "group.edit",
}
_RECENT = 15


HEALTH: dict[str, Promise] = {
    "lively": lazy("达标"), "quiet": lazy("安静"), "silent": lazy("今天没人说话"), "full": lazy("快满了"),
    "frozen": lazy("已冻结"), "closed": lazy("已关闭"),
}  # fmt: skip
LIST = ListSpec[reading.GroupRow](
    name="groups",
    filters=("state", "profile"),
    columns=(
        Column("name", pgettext_lazy("column", "群"), lambda r: r.group.name, fixed=True),
        Column("health", lazy("状态"), lambda r: HEALTH.get(r.health, r.health)),
        Column("members", pgettext_lazy("column", "成员"), lambda r: r.members, "num"),
        Column("capacity", lazy("人数上限"), lambda r: r.group.capacity, "num", usual=False),
        Column("messages", lazy("今日消息"), lambda r: r.messages, "num"),
        Column("profile", lazy("能力"), lambda r: _(r.profile_title), "wide"),
        Column("platform", lazy("平台群号"), lambda r: r.group.platform_id, "wide", usual=False),
        Column("created", lazy("创建"), lambda r: r.group.created_at, "wide"),
    ),
    export_action="group.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def index(request: StaffRequest, listing: Listing[reading.GroupRow]) -> HttpResponse:
    """Groups with today's figures, fifty at a time."""
    number = slices.page_number(request.GET.get("page"))
    wanted = _filter(request)
    found = reading.groups(request.community, wanted, now=SYSTEM_CLOCK.now(), number=number)
    listing.count(found.total)
    context = {
        "title": _("群"),
        "list": listing,
        "rows": found.rows,
        "page": found,
        "filters": _filters(request),
        "search": wanted.text,
    }
    return page(request, "console/groups.html", context, active="groups")


@staff_page("view")
@require_safe
def export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    rows = reading.everything(request.community, _filter(request), now=SYSTEM_CLOCK.now())
    return as_file(request, LIST, fmt, rows)


@require_safe
@staff_page("view")
def detail(request: StaffRequest, group_id: int) -> HttpResponse:
    """One group."""
    group = _group(request, group_id)
    profile, abilities = reading.abilities(group)
    recent = stream.latest(request.community.pk, stream.StreamFilter(group=group.pk), before=None, rows=_RECENT)
    now = SYSTEM_CLOCK.now()
    day = local_day(now, request.community.timezone)
    hours = analytics.hours_of_day(request.community, day=day, group_id=group.pk)
    context = {
        "title": group.name,
        "group": group,
        "figures": reading.group_row(request.community, group, now=now),
        "speakers": analytics.speakers(request.community.pk, day=day, group_id=group.pk),
        "decisions": sum(h.decisions for h in hours),
        "profile": profile,
        "profiles": PROFILES.values(),
        "abilities": abilities,
        "effect_names": EFFECTS,
        "rows": rows_of(request, recent.events, recent.erased),
        "form_key": uuid4().hex,
        "text_length": TEXT_LENGTH,
        **_join(group),
    }
    return page(request, "console/groups_detail.html", context, active="groups")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("view")
def act(request: StaffRequest, group_id: int) -> HttpResponse:
    """GET shows whom an act touches and asks; POST does it."""
    asked = request.POST if request.method == "POST" else request.GET
    what = asked.get("do", "")
    if what not in ACTS:
        raise Http404
    check_may(request, ACTS[what])
    group = _group(request, group_id)
    if request.method == "POST":
        try:
            _do(request, group, what)
        except CannotAct as error:
            messages.error(request, str(error))
        return redirect("console:group", request.community.slug, group.pk)
    _profile, abilities = reading.abilities(group)
    touched = Membership.objects.filter(community_id=group.community_id, group_id=group.pk).exclude(
        state__in=(Membership.State.LEFT, Membership.State.REMOVED)
    )
    context = {
        "title": {"code": _("更换入群链接"), "profile": _("切换能力"), "observe": _("设为观察群")}.get(what)
        or EFFECTS[what],
        "group": group,
        "what": what,
        "ability": next((a for a in abilities if a.action == what), None),
        "touched": touched.count(),
        "text": asked.get("text", "")[:TEXT_LENGTH],
        "form_key": uuid4().hex,
    }
    return page(request, "console/groups_act.html", context, active="groups")


def _do(request: StaffRequest, group: Group, what: str) -> None:
    now, by = SYSTEM_CLOCK.now(), request.user.get_username()
    text = request.POST.get("text", "").strip()[:TEXT_LENGTH]
    target = f"group:{group.pk}"
    if what == "profile":
        chosen = request.POST.get("profile", "")
        if chosen not in PROFILES or group.connector != "local":
            raise CannotAct(_("只有本地群可以切换能力,请选择列出的一种"))
        with audited(request, "group.profile", target=target, detail={"from": group.profile, "to": chosen}):
            set_profile(group=group, profile=chosen)
        messages.success(request, _("已切换,之后的动作按新的能力执行。"))
        return
    if what == "observe":
        with audited(request, "group.observe", target=target, detail={"observation": not group.observation}):
            set_observation(group=group, observation=not group.observation)
        messages.success(request, _("已改,之后的沉默成员按新的设置处理。"))
        return
    if what == "code":
        room = reading.room_of(group)
        if room is None:
            raise CannotAct(_("只有本地群有入群链接"))
        with audited(request, "group.join_code", target=target):
            new_join_code(room=room)
        messages.success(request, _("入群链接已更换,旧链接和旧二维码不再有效。"))
        return
    with audited(request, ACTS[what], target=target, detail={"do": what, "text": text}):
        act_on_group(kind=what, group=group, key=request.POST.get("key", "")[:64], by=by, now=now, text=text)
    messages.success(request, _("已交给系统执行,结果会出现在下面的动态里。"))


def _filter(request: StaffRequest) -> reading.GroupFilter:
    state, profile = request.GET.get("state", ""), request.GET.get("profile", "")
    return reading.GroupFilter(
        text=request.GET.get("q", "").strip()[:80],
        state=state if state in Group.State.values else "",
        profile=profile if profile in PROFILES else "",
    )


def _filters(request: StaffRequest) -> list[slices.Filter]:
    everything = _("全部")
    states = [(value, _(label)) for value, label in Group.State.choices]
    profiles = [(name, _(profile.title)) for name, profile in PROFILES.items()]
    return [
        slices.chips(request.GET, "state", _("状态"), states, everything=everything),
        slices.chips(request.GET, "profile", _("能力"), profiles, everything=everything),
    ]


def _group(request: StaffRequest, group_id: int) -> Group:
    return get_object_or_404(Group, pk=group_id, community=request.community)


def _join(group: Group) -> dict[str, Any]:
    """The join link and its QR code, for local groups."""
    room = reading.room_of(group) if group.connector == "local" else None
    if room is None:
        return {}
    link = f"{settings.PUBLIC_URL}/j/{room.join_code}/"
    code = segno.make(f"{link}?{urlencode({'from': 'qr'})}", error="m")
    return {"join_link": link, "join_qr": SafeString(code.svg_inline(scale=4, border=1, omitsize=True))}
