"""Red-packet rain on a phone: what is open, one big button, what everybody got, and the proof."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_http_methods

from qunzhu.engagement.redpacket import policy, selectors, services
from qunzhu.engagement.redpacket.models import RedPacket
from qunzhu.engagement.redpacket.policy import Refused
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.selectors import GONE, memberships_of
from qunzhu.portal.identity import Visitor, members_only

SHOWN, SHARES_SHOWN = 30, 200
BIGINT = 1 << 63
SENTENCES = {
    "over": gettext_noop("手慢了,红包已经抢完。"),
    "gone": gettext_noop("这个红包不在了。"),
    "muted": gettext_noop("禁言期间不能抢红包。"),
    "outside": gettext_noop("在群里的成员才能抢红包。"),
    "staff": gettext_noop("管理员把机会留给大家。"),
    "eligible": gettext_noop("这一场你不在参加范围。"),
}


@require_GET
@members_only
def packets(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """What is open in my groups, then what was."""
    now = SYSTEM_CLOCK.now()
    rows = selectors.packets(visitor.community.pk).filter(
        group_id__in=_groups(visitor), state__in=(policy.OPEN, policy.CLOSED)
    )
    shown = list(rows[:SHOWN])
    mine = selectors.own_of(visitor.member.pk, [packet.pk for packet in shown])
    running = [packet for packet in shown if services.is_open(packet, now)]
    context = _shell(visitor) | {
        "running": [(packet, mine.get(packet.pk)) for packet in running],
        "past": [(packet, mine.get(packet.pk)) for packet in shown if packet not in running],
    }
    return render(request, "portal/redpackets.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def packet(request: HttpRequest, visitor: Visitor, packet_id: int) -> HttpResponse:
    """One packet; a POST grabs a share of it. With `?live` only the part that changes."""
    found = _found(visitor, packet_id)
    problem = ""
    if request.method == "POST":
        try:
            services.grab(
                community_id=visitor.community.pk, packet_id=packet_id, member_id=visitor.member.pk,
                now=SYSTEM_CLOCK.now(),
            )  # fmt: skip
        except Refused as refused:
            problem, found = _(SENTENCES.get(refused.code, SENTENCES["gone"])), _found(visitor, packet_id)
        else:
            return redirect("portal:redpacket", packet_id)
    context = _shell(visitor) | _told(found, visitor.member.pk) | {"problem": problem}
    part = "portal/redpacket_live.html" if "live" in request.GET else "portal/redpacket.html"
    return render(request, part, context, status=409 if problem else 200)


def _told(found: RedPacket, member_id: int) -> dict[str, Any]:
    over = found.state == policy.CLOSED
    rows = selectors.shares(found) if over else []
    names = ("seed", "digest", "budget", "shares", "least")
    return {
        "packet": found,
        "mine": selectors.own(found, member_id),
        "running": services.is_open(found, SYSTEM_CLOCK.now()),
        "over": over,
        "rows": rows[:SHARES_SHOWN],
        "lucky": next((row for row in rows if row.lucky), None),
        "left": found.shares - found.taken,
        "fair": over and not selectors.proves(found),
        "proof": policy.proof_text(found.seed, found.pk, found.budget, found.shares, found.least) if over else "",
        "facts": {name: getattr(found, name) for name in names},
    }


def _found(visitor: Visitor, packet_id: int) -> RedPacket:
    found = selectors.packet(visitor.community.pk, packet_id) if packet_id < BIGINT else None
    if found is None or found.group_id not in _groups(visitor) or found.state not in {policy.OPEN, policy.CLOSED}:
        raise Http404(_("没有这个红包"))
    return found


def _groups(visitor: Visitor) -> list[int]:
    rows = memberships_of(visitor.community.pk, visitor.member.pk)
    return [row.group_id for row in rows if row.state not in GONE]


def _shell(visitor: Visitor) -> dict[str, Any]:
    return {"visitor": visitor, "tab": "points", "now": SYSTEM_CLOCK.now(), "zone": visitor.community.timezone}
