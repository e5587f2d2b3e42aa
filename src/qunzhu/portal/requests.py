"""What a member asks for on the own pages: ad clearances (报备) and leave (请假), and the way back from silence."""

from datetime import date
from typing import Any
from uuid import uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from qunzhu.governance.clearance import policy as clearance_policy
from qunzhu.governance.clearance import selectors as clearances_read
from qunzhu.governance.clearance import services as clearances
from qunzhu.governance.clearance.models import Clearance
from qunzhu.governance.clearance.policy import Ask
from qunzhu.governance.elimination import policy as leave_policy
from qunzhu.governance.elimination import selectors as silences_read
from qunzhu.governance.elimination import services as leaves
from qunzhu.governance.elimination.policy import Leave
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.connectors.local.parse import Refusal
from qunzhu.kernel.connectors.local.tokens import MemberToken
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.text.links import canonical, canonical_links
from qunzhu.portal import selectors
from qunzhu.portal.identity import Visitor, members_only
from qunzhu.receive import upload
from qunzhu.ui.formats import read_local

KEY_LENGTH = 64


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def ad_clearances(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """My requests, newest first, and the form for a new one."""
    if request.method != "POST":
        return _clearances(request, visitor)
    given = {name: request.POST.get(name, "") for name in ("text", "links", "since", "until", "group", "key")}
    try:
        _ask(request, visitor, given)
    except Refusal as refusal:
        return _clearances(request, visitor, given=given, problem=refusal.message, status=422)
    except clearances.NotTaken as refused:
        return _clearances(request, visitor, given=given, problem=str(refused), status=422)
    return redirect("portal:clearances")


@require_POST
@members_only
def clearance_act(request: HttpRequest, visitor: Visitor, seq: int) -> HttpResponse:
    """Take a request back, or end an own cleared ad early."""
    own: dict[str, Any] = {
        "community_id": visitor.community.pk,
        "member_id": visitor.member.pk,
        "now": SYSTEM_CLOCK.now(),
    }
    try:
        if request.POST.get("do") == "end":
            clearances.end_early(seq=seq, by="member", **own)
        else:
            clearances.withdraw_request(request=seq, **own)
    except Clearance.DoesNotExist as error:
        raise Http404 from error
    except clearances.NotTaken as refused:
        return _clearances(request, visitor, problem=str(refused), status=409)
    return redirect("portal:clearances")


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def leave(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """My leaves, the form for a new one, and what silence means here."""
    if request.method != "POST":
        return _leave(request, visitor)
    now = SYSTEM_CLOCK.now()
    try:
        if request.POST.get("do") == "end":
            leaves.end_leave(community=visitor.community, member_id=visitor.member.pk, by="member", now=now)
        else:
            leaves.take_leave(
                community=visitor.community, member_id=visitor.member.pk, leave=_leave_from(request), by="member",
                key=request.POST.get("key", "")[:KEY_LENGTH], now=now,
            )  # fmt: skip
    except leaves.NotTaken as refused:
        return _leave(request, visitor, problem=str(refused), status=422)
    return redirect("portal:leave")


def _ask(request: HttpRequest, visitor: Visitor, given: dict[str, str]) -> None:
    """Send the request that the form says. Raises NotTaken or Refusal with a sentence for the member."""
    now, zone = SYSTEM_CLOCK.now(), visitor.community.timezone
    groups = [row.group.pk for row in selectors.my_groups(visitor.community.pk, visitor.member.pk)]
    chosen = next((pk for pk in groups if str(pk) == given["group"]), None)
    if not groups or (given["group"] and chosen is None):
        raise clearances.NotTaken(_("只能为你所在的群报备,请先加入这个群。"))
    try:
        since, until = read_local(given["since"], zone), read_local(given["until"], zone)
    except ValueError as error:
        raise clearances.NotTaken(_("时间没有看懂,请重新选择。")) from error
    if since is not None and until is None:
        raise clearances.NotTaken(_("填了开始时间,也请填结束时间。"))
    text = given["text"].replace("\0", "").strip()
    lines = [line.strip() for line in given["links"].replace("\0", "").splitlines() if line.strip()]
    if bad := next((line for line in lines if not canonical_links(line)), ""):
        raise clearances.NotTaken(_("“%(line)s”不是网址,请贴完整的链接,一行一个。") % {"line": bad[:60]})
    typed = [canonical(line) for line in lines]
    ask = Ask(text, tuple(dict.fromkeys([*canonical_links(text), *typed])), (), since, until)
    if "image" in request.FILES:  # looked at first, so that nothing is kept for a request that cannot be taken
        clearances.check_request(visitor.community, visitor.member.pk, _with_picture(ask), now=now)
        ask = Ask(ask.text, ask.links, (_picture(request, visitor, chosen or groups[0]),), since, until)
    clearances.request_clearance(
        community=visitor.community, member_id=visitor.member.pk, group_id=chosen, ask=ask,
        key=given["key"][:KEY_LENGTH], now=now,
    )  # fmt: skip


def _with_picture(ask: Ask) -> Ask:
    return Ask(ask.text, ask.links, ({"sha256": uuid4().hex},), ask.since, ask.until)


def _picture(request: HttpRequest, visitor: Visitor, group_id: int) -> dict[str, Any]:
    """The picture that came with the form, kept as one that was posted in the group. Raises Refusal."""
    file = request.FILES["image"]
    if isinstance(file, list) or (file.size or 0) > upload.UPLOAD_LIMIT:
        raise Refusal(413, "too_large", _("图片太大了,请缩小到 5 MB 以内。"), limit=upload.UPLOAD_LIMIT)
    picture = upload.read_picture(file.read())
    sender = MemberToken(visitor.community.pk, visitor.member.pk)
    kept = upload.keep(raw_connection(), sender, group_id, picture, now=SYSTEM_CLOCK.now())
    return {
        "upload": kept["upload"], "sha256": picture.sha256, "width": picture.width, "height": picture.height,
        "media_type": picture.media_type,
    }  # fmt: skip


def _clearances(
    request: HttpRequest,
    visitor: Visitor,
    *,
    given: dict[str, str] | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    now = SYSTEM_CLOCK.now()
    rows = clearances_read.clearances_of(visitor.community.pk, visitor.member.pk)
    groups = [row.group for row in selectors.my_groups(visitor.community.pk, visitor.member.pk)]
    names = {group.pk: group.name for group in groups}
    context = {
        "visitor": visitor, "tab": "me", "now": now, "zone": visitor.community.timezone,
        "rows": [(row, clearances_read.standing_of(row, now), names.get(row.group_id or 0, "")) for row in rows],
        "groups": groups, "given": {"key": uuid4().hex, **(given or {})}, "problem": problem,
        "limits": clearance_policy.limits_from(visitor.community.blueprint),
        "text_length": clearance_policy.TEXT_LENGTH,
    }  # fmt: skip
    return render(request, "portal/clearances.html", context, status=status)


def _leave(request: HttpRequest, visitor: Visitor, *, problem: str = "", status: int = 200) -> HttpResponse:
    now = SYSTEM_CLOCK.now()
    today = local_day(now, visitor.community.timezone)
    rows = silences_read.leaves_of_member(visitor.community.pk, visitor.member.pk)
    context = {
        "visitor": visitor, "tab": "me", "now": now, "zone": visitor.community.timezone, "today": today.isoformat(),
        "rows": [(row, row.last_day >= today) for row in rows], "problem": problem,
        "first": request.POST.get("first") or today.isoformat(), "last": request.POST.get("last") or today.isoformat(),
        "reason": request.POST.get("reason", ""), "key": request.POST.get("key") or uuid4().hex,
        "settings": leave_policy.settings_from(visitor.community.blueprint),
        "reason_length": leave_policy.REASON_LENGTH,
    }  # fmt: skip
    return render(request, "portal/leave.html", context, status=status)


def _leave_from(request: HttpRequest) -> Leave:
    try:
        first, last = (date.fromisoformat(request.POST.get(name, "")) for name in ("first", "last"))
    except ValueError as error:
        raise leaves.NotTaken(_("请选择开始和结束的日子。")) from error
    if last < first:
        raise leaves.NotTaken(_("结束的日子不能早于开始的日子。"))
    return Leave(first, last, request.POST.get("reason", "").replace("\0", "").strip()[: leave_policy.REASON_LENGTH])


def silence_card(visitor: Visitor) -> dict[str, Any] | None:
    """What the own page says to somebody who has been silent; None for everybody else."""
    row = silences_read.open_observation(visitor.community.pk, visitor.member.pk)
    if row is None:
        return None
    groups = Group.objects.filter(community_id=visitor.community.pk, pk__in=[*row.from_groups, row.to_group or 0])
    names = dict(groups.values_list("pk", "name"))
    return {
        "silence": row,
        "from": "、".join(names[g] for g in row.from_groups if g in names),
        "to": names.get(row.to_group or 0, ""),
        "inside": row.state in {"observed", "returning"},
    }
