"""The weekly debate on a phone: what is on, the sides with their arguments, my vote, results, past debates."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_http_methods

from qunzhu.engagement.debate import selectors, services
from qunzhu.engagement.debate.models import Debate
from qunzhu.engagement.debate.policy import CON, DONE, OPEN, PRO, SKIPPED, SPEAKING, VOTING, Refused, substance
from qunzhu.engagement.debate.standing import eligible
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.portal.identity import Visitor, members_only

INT = 1 << 31
SHOWN = 20
STATES: Mapping[str, str] = {
    "speaking": gettext_noop("正在发言"),
    "voting": gettext_noop("正在投票"),
    "done": gettext_noop("已结束"),
    "cancelled": gettext_noop("已取消"),
}


@require_GET
@members_only
def debates(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The debate that is on, and those that were."""
    community_id = visitor.community.pk
    past = list(selectors.past(community_id)[:SHOWN])
    context = _shell(visitor) | {
        "running": selectors.running(community_id),
        "past": [(row, _verdict(row), _share(row)) for row in past],
    }
    return render(request, "portal/debates.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def debate(request: HttpRequest, visitor: Visitor, number: int) -> HttpResponse:
    """One debate; a POST votes."""
    row = selectors.debate(visitor.community.pk, number) if number < INT else None
    if row is None or row.state == SKIPPED or not eligible(visitor.community.pk, visitor.member.pk):
        raise Http404(_("没有这场辩论"))
    problem = ""
    if request.method == "POST":
        try:
            services.vote(
                community_id=visitor.community.pk, number=number, member_id=visitor.member.pk,
                words=request.POST.get("vote", ""), now=SYSTEM_CLOCK.now(),
            )  # fmt: skip
        except Refused:
            problem = _("这一票没有计入:投票已结束,或者不能投自己一方。")
        else:
            return redirect(reverse("portal:debate", args=[number]) + "?sent=1")
    return render(request, "portal/debate.html", _page(visitor, row, problem), status=409 if problem else 200)


@require_GET
@members_only
def card(request: HttpRequest, visitor: Visitor, number: int) -> HttpResponse:  # noqa: ARG001
    """The result card."""
    data = selectors.card(visitor.community.pk, number) if number < INT else None
    if data is None:
        raise Http404
    response = HttpResponse(data, content_type="image/png")
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def _page(visitor: Visitor, row: Debate, problem: str) -> dict[str, Any]:
    said = selectors.arguments(row.community_id, row.number)
    own = {a.side for a, _name, _text in said if a.member_id == visitor.member.pk}
    columns = [
        {
            "side": side, "name": name, "words": words, "mine": side in own, "vote": name_of,
            "arguments": [(a, who, substance(text)) for a, who, text in said if a.side == side],
            "n": (row.result.get("votes") or {}).get(side, 0),
        }
        for side, name, words, name_of in ((PRO, _("正方"), row.pro, "正方"), (CON, _("反方"), row.con, "反方"))
    ]  # fmt: skip
    return _shell(visitor) | {
        "row": row, "columns": columns, "problem": problem, "state": _(STATES[row.state]),
        "until": row.speech_ends_at if row.state == SPEAKING else row.vote_ends_at, "open": row.state in OPEN,
        "voting": row.state == VOTING, "done": row.state == DONE, "speaking": row.state == SPEAKING,
        "own": selectors.vote_of(row.community_id, row.number, visitor.member.pk), "share": _share(row),
        "verdict": _verdict(row), "best": row.result.get("best"), "voters": row.result.get("voters", 0),
        "has_card": bool(selectors.has_card(row.community_id, [row.number])), "me": visitor.member.pk,
        "free": row.settings.get("mode") == "free", "length": row.settings.get("length"),
        "anonymous": row.settings.get("anonymous"), "groups": row.groups,
    }  # fmt: skip


def _verdict(row: Debate) -> str:
    if row.state != DONE:
        return _(STATES[row.state])
    return {PRO: _("正方获胜"), CON: _("反方获胜"), "draw": _("平局")}.get(row.result.get("winner", ""), _("未分胜负"))


def _share(row: Debate) -> int:
    """The part of the votes that 正方 has, in percent."""
    votes = row.result.get("votes") or {}
    total = votes.get(PRO, 0) + votes.get(CON, 0)
    return round(votes.get(PRO, 0) * 100 / total) if total else 50


def _shell(visitor: Visitor) -> dict[str, Any]:
    return {"visitor": visitor, "tab": "me", "now": SYSTEM_CLOCK.now(), "zone": visitor.community.timezone}
