"""Member pages: join, group chat, my groups, my points, my penalties, and the language switch."""

import io
from typing import Any

import segno
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from qunzhu.engagement.levels.selectors import level_name
from qunzhu.engagement.tasks.services import opened
from qunzhu.governance.appeals import AppealRefused, appeal
from qunzhu.governance.clearance.selectors import waiting_of
from qunzhu.governance.policy import WORDS_LENGTH, appeal_settings
from qunzhu.governance.selectors import strikes_of
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.connectors.local.models import Occupant, Room
from qunzhu.kernel.connectors.local.services import JoinRefused, join_room
from qunzhu.kernel.connectors.port import capability
from qunzhu.kernel.events.models import EventHead
from qunzhu.portal import penalties as penalties_read
from qunzhu.portal import selectors
from qunzhu.portal.forms import JoinForm
from qunzhu.portal.identity import Visitor, members_only, remember, visitor_of
from qunzhu.portal.requests import silence_card
from qunzhu.portal.rules import notice
from qunzhu.portal.words import chat_words, chips, refusal

# Fetched at once instead of one after the other as the imports are found; a test keeps the list complete.
CHAT_MODULES = tuple(
    f"portal/js/{name}.js"
    for name in (
        "api", "bubbles", "composer", "dom", "images", "outbox", "people", "room", "sheets", "stream", "timeline",
        "words",
    )
)  # fmt: skip
LANGUAGE_SECONDS = 400 * 24 * 3600


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, code: str) -> HttpResponse:
    """The way in: a link or QR code, a nickname, one button. Who is in already goes straight to the chat."""
    room = get_object_or_404(Room, join_code=code)
    group = Group.objects.select_related("community").get(pk=room.group_id)
    visitor = visitor_of(request)
    known = visitor.in_community(room.community_id) if visitor else None
    seat = Occupant.objects.filter(group_id=group.pk, member_id=known.member.pk).first() if known else None
    if seat and seat.removed_at is None:
        return redirect("portal:chat", group.pk)  # which makes it the community that is looked at
    form = JoinForm(request.POST or None, initial={"nickname": known.member.display_name if known else ""})
    refused = _shut_out(known, group) if seat and known else _closed_door(group, room)
    if request.method == "POST" and refused is None and form.is_valid():
        try:
            return _let_in(request, room, visitor, form.cleaned_data["nickname"])
        except JoinRefused as error:
            if error.code == "nickname":
                form.add_error("nickname", _("昵称里有不能显示的字符。"))
            elif error.code == "nickname_reserved":
                form.add_error("nickname", _("这个昵称留给群里的管理人员,请换一个。"))
            else:
                refused = refusal(error.code, group)
    context = {
        "group": group, "room": room, "form": form, "refused": refused, "known": known,
        "members": selectors.occupant_count(group.pk), "via": "qr" if request.GET.get("from") == "qr" else "link",
    }  # fmt: skip
    failed = request.method == "POST"
    return render(request, "portal/join.html", context, status=(409 if refused else 422) if failed else 200)


def _shut_out(visitor: Visitor, group: Group) -> tuple[str, str]:
    """Why somebody who was here cannot come in: taken to the observation group, or removed for good."""
    card = silence_card(visitor)
    return refusal("observed" if card and card["inside"] else "removed", group)


def _closed_door(group: Group, room: Room) -> tuple[str, str] | None:
    if group.state == Group.State.CLOSED:
        return refusal("closed", group)
    if room.frozen:
        return refusal("frozen", group)
    return refusal("full", group) if selectors.occupant_count(group.pk) >= group.capacity else None


def _let_in(request: HttpRequest, room: Room, visitor: Visitor | None, nickname: str) -> HttpResponse:
    known = visitor.in_community(room.community_id) if visitor else None
    joined = join_room(
        room=room,
        nickname=nickname,
        now=SYSTEM_CLOCK.now(),
        member_id=known.member.pk if known else None,
        via="qr" if request.POST.get("via") == "qr" else "link",
    )
    response = redirect("portal:chat", room.group_id)
    before = (visitor, *visitor.elsewhere) if visitor else ()
    elsewhere = tuple(v for v in before if v.community.pk != room.community_id)
    remember(response, Visitor(joined.member.community, joined.member, elsewhere))
    return response


@require_GET
def join_qr(request: HttpRequest, code: str) -> HttpResponse:  # noqa: ARG001  (Django hands it to every view)
    """The join link as a QR code (SVG); it says that it was scanned, so channels can be told apart."""
    get_object_or_404(Room, join_code=code)
    out = io.BytesIO()
    segno.make(f"{_join_url(code)}?from=qr", error="m").save(
        out, kind="svg", scale=8, border=2, dark="#111", light="#fff"
    )
    response = HttpResponse(out.getvalue(), content_type="image/svg+xml")
    response.headers["Cache-Control"] = "private, max-age=300"
    return response


def _join_url(code: str) -> str:
    return settings.PUBLIC_URL + reverse("portal:join", args=[code])


@require_GET
@members_only
def chat(request: HttpRequest, visitor: Visitor, group_id: int) -> HttpResponse:
    """The group chat. The page brings who is there; the conversation comes from the receiver."""
    here, looked_at = _in_group(visitor, group_id), visitor
    seat = selectors.seat_of(here.community.pk, group_id, here.member.pk) if here else None
    if here is None or seat is None:
        return render(request, "portal/stranger.html", {"visitor": visitor}, status=404)
    visitor = here
    group, room, occupant = seat
    head = EventHead.objects.get(community_id=visitor.community.pk).seq
    how = capability(group.profile).how
    native_mute = how["mute"] == "native"
    config = {
        "group": group.pk,
        "head": head,
        "now": int(SYSTEM_CLOCK.now().timestamp() * 1000),
        "frozen": room.frozen and how["freeze"] != "emulated",
        "closed": group.state == Group.State.CLOSED,
        "announcement": room.announcement,
        "acts": selectors.hand_acts(how, occupant.role),
        "members": selectors.occupants(group.pk, mutes=native_mute) if occupant.removed_at is None else [],
        "me": {
            "id": occupant.member_id, "nickname": occupant.nickname, "role": occupant.role,
            "muted_until": occupant.muted_until.isoformat() if occupant.muted_until and native_mute else None,
            "removed": "removed" if occupant.removed_at else None, "last_read_seq": occupant.last_read_seq,
        },
    }  # fmt: skip
    card = silence_card(visitor) if occupant.removed_at else None
    observed = card is not None and card["inside"]
    context = _shell(visitor, "groups") | {
        "group": group, "room": room, "config": config, "words": chat_words(observed=observed), "modules": CHAT_MODULES,
        "commands": chips(), "observed": observed, "join_url": _join_url(room.join_code),
        "rows": selectors.my_groups(visitor.community.pk, visitor.member.pk),
        "acts": config["acts"], "removed": occupant.removed_at is not None,
    }  # fmt: skip
    response = render(request, "portal/chat.html", context)
    if visitor is not looked_at:
        remember(response, visitor)
    return response


def _in_group(visitor: Visitor, group_id: int) -> Visitor | None:
    """Who the person is in the community of the group; a single community needs no look-up."""
    if not visitor.elsewhere:
        return visitor
    community_id = Group.objects.filter(pk=group_id).values_list("community_id", flat=True).first()
    return visitor.in_community(community_id) if community_id else None


@require_POST
@members_only
def switch(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Look at another community that this browser is a member of; 404 for any other, and nothing changes."""
    raw = request.POST.get("community", "")
    chosen = visitor.in_community(int(raw)) if raw.isascii() and raw.isdigit() and len(raw) <= 18 else None  # noqa: PLR2004
    if chosen is None:
        raise Http404(_("你不在这个社群里"))
    response = redirect("portal:groups")
    remember(response, chosen)
    return response


@require_GET
@members_only
def groups(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """My groups with their unread badges."""
    community_id, member_id = visitor.community.pk, visitor.member.pk
    context = _shell(visitor, "groups") | {
        "rows": selectors.my_groups(community_id, member_id),
        "invitations": selectors.invitations(community_id, member_id),
    }
    return render(request, "portal/groups.html", context)


@require_GET
@members_only
def me(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """My own page: who I am here, what I have, what runs against me."""
    now = SYSTEM_CLOCK.now()
    community_id, member_id = visitor.community.pk, visitor.member.pk
    context = _shell(visitor, "me") | {
        "rows": selectors.my_groups(community_id, member_id),
        "points": selectors.points_of(visitor.community, member_id, now=now),
        "running": selectors.running_penalties(community_id, member_id, now),
        "strikes": strikes_of(community_id, member_id, now=now),
        "waiting": waiting_of(community_id, member_id),
        "card": silence_card(visitor),
        "level": level_name(visitor.community, member_id),
        "rules_notice": notice(visitor),
    }
    return render(request, "portal/me.html", context)


@require_GET
@members_only
def points(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """My points: balance, today's check-in, the month's calendar, the statement."""
    now = SYSTEM_CLOCK.now()
    today = selectors.community_day(visitor.community.timezone, now)
    before = selectors.parse_place(request.GET.get("before"))
    community_id, member_id = visitor.community.pk, visitor.member.pk
    opened(community_id=community_id, member_id=member_id, page="points", now=now)
    found = selectors.points_of(visitor.community, member_id, now=now, before=before)
    context = _shell(visitor, "points") | {
        "points": found,
        "weeks": selectors.streak_calendar(found.check_in),
        "rows": selectors.my_groups(community_id, member_id),
        "today": today,
        "weekdays": [_("一"), _("二"), _("三"), _("四"), _("五"), _("六"), _("日")],
        "paged": before is not None,
    }
    return render(request, "portal/points.html", context)


@require_GET
@members_only
def penalties(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """My penalties, each with its sentence, its clause and the words it is about."""
    now, who = SYSTEM_CLOCK.now(), (visitor.community.pk, visitor.member.pk)
    before = request.GET.get("before", "")
    cards, older = penalties_read.penalties_of(
        visitor.community,
        visitor.member.pk,
        before=int(before) if before.isascii() and before.isdigit() and len(before) <= 18 else None,  # noqa: PLR2004
        now=now,
    )
    context = _shell(visitor, "me") | {
        "cards": cards, "older": older, "paged": bool(before),
        "strikes": strikes_of(visitor.community.pk, visitor.member.pk, now=now),
        "coming": not cards and not before and selectors.penalty_is_coming(*who, now=now),
    }  # fmt: skip
    answer = render(request, "portal/penalties.html", context)
    if context["coming"]:  # who was muted a moment ago is here before the row is written
        answer["Refresh"] = "1"
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def penalty(request: HttpRequest, visitor: Visitor, seq: int) -> HttpResponse:
    """One of my penalties with all it rests on, and the form to appeal; a POST files the appeal."""
    now = SYSTEM_CLOCK.now()
    card = penalties_read.penalty_of(visitor.community, visitor.member.pk, seq, now=now)
    if card is None:
        raise Http404(_("没有这次处罚"))
    words, problem = request.POST.get("words", "").replace("\0", "").strip(), ""
    if request.method == "POST":
        try:
            appeal(
                community_id=visitor.community.pk, penalty_seq=seq, member_id=visitor.member.pk, words=words, now=now
            )
        except AppealRefused as refused:
            problem = str(refused)
        else:
            return redirect(reverse("portal:penalty", args=[seq]) + "?sent=1")
    context = _shell(visitor, "me") | {
        "card": card, "words": words, "problem": problem, "most": WORDS_LENGTH,
        "others": penalties_read.others_decide(visitor.community, card.penalty),
        "hours": appeal_settings(visitor.community.blueprint).answer_within,
        "sent": "sent" in request.GET and card.appeal is None,
    }  # fmt: skip
    return render(request, "portal/penalty_page.html", context, status=409 if problem else 200)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Remember the language of this browser and go back to where the switch was."""
    chosen = request.POST.get("language", "")
    if chosen not in dict(settings.LANGUAGES):
        raise Http404(_("没有这种语言"))
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        back = reverse("portal:me")
    response = HttpResponseRedirect(back)
    response.set_cookie(settings.LANGUAGE_COOKIE_NAME, chosen, max_age=LANGUAGE_SECONDS, samesite="Lax")
    return response


def _shell(visitor: Visitor, tab: str) -> dict[str, Any]:
    """What every member page knows; `now` and `zone` are what the time tags speak by."""
    return {"visitor": visitor, "tab": tab, "now": SYSTEM_CLOCK.now(), "zone": visitor.community.timezone}


@require_GET
def front(request: HttpRequest) -> HttpResponse:
    """The bare address: members come to their groups, everybody else to the console's door."""
    return redirect("portal:groups" if visitor_of(request) else "/console/")
