"""打卡挑战 on a phone: what is open, my days, today's proof, my buddy's proofs that wait for me."""

from datetime import date, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_http_methods

from qunzhu.engagement.challenge import selectors, services
from qunzhu.engagement.challenge.models import Challenge, ChallengeEntry, ChallengeProof
from qunzhu.engagement.challenge.policy import Refused
from qunzhu.engagement.challenge.services import Proof
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.selectors import names_of
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.portal.identity import Visitor, members_only

BIGINT = 1 << 63
WORDS = 500
SHOWN = 30
SENTENCES = {
    "points": gettext_noop("积分不够交押金,先签到攒一攒。"),
    "late": gettext_noop("这个挑战现在不能这样做了,请看最新状态。"),
    "out": gettext_noop("你没有参加这个挑战。"),
    "proof": gettext_noop("请写清楚今天做了什么,至少 4 个不同的字。"),
    "picture": gettext_noop("这个挑战要用图片证明:在群里发图片,再引用它发“打卡”。"),
    "judged": gettext_noop("这条打卡已经有结论了。"),
    "buddy": gettext_noop("这条打卡不归你认可。"),
}


@require_GET
@members_only
def challenges(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """What is open, and what was."""
    community, me = visitor.community.pk, visitor.member.pk
    rows = list(selectors.challenges(community)[:SHOWN])
    own = dict(ChallengeEntry.objects.filter(community_id=community, member_id=me).values_list("challenge_id", "state"))
    people = selectors.people([row.pk for row in rows])
    cards = [(row, own.get(row.pk, ""), people.get(row.pk, 0)) for row in rows]
    context = _shell(visitor) | {
        "running": [card for card in cards if card[0].state in selectors.OPEN],
        "past": [card for card in cards if card[0].state not in selectors.OPEN],
    }
    return render(request, "portal/challenges.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def challenge(request: HttpRequest, visitor: Visitor, challenge_id: int) -> HttpResponse:
    """One challenge; a POST joins, leaves, proves today, or decides on a proof of whom I look after."""
    found = selectors.challenge(visitor.community.pk, challenge_id) if challenge_id < BIGINT else None
    if found is None:
        raise Http404(_("没有这个挑战"))
    if request.method != "POST":
        return _page(request, visitor, found)
    try:
        _do(request, visitor, found)
    except Refused as refused:
        code = "picture" if refused.code == "proof" and found.proof == "picture" else refused.code
        problem = _(SENTENCES.get(code, SENTENCES["late"]))
        found.refresh_from_db()
        return _page(request, visitor, found, problem=problem, words=request.POST.get("words", ""), status=409)
    return redirect("portal:challenge", found.pk)


def _do(request: HttpRequest, visitor: Visitor, found: Challenge) -> None:
    now, me, given = SYSTEM_CLOCK.now(), visitor.member.pk, request.POST
    common: dict[str, Any] = {"community_id": visitor.community.pk, "challenge_id": found.pk, "now": now}
    do = given.get("do", "")
    if do == "join":
        services.join(member_id=me, **common)
    elif do == "leave":
        services.leave(member_id=me, **common)
    elif do == "prove":
        words = given.get("words", "").replace("\0", "").strip()[:WORDS]
        services.prove(proof=Proof(me, words, named=given.get("key", "")[:64]), at=now, **common)
    elif do == "judge":
        try:
            member, day = int(given.get("member", "")[:18]), date.fromisoformat(given.get("day", ""))
        except ValueError as error:
            raise Http404 from error
        services.judge(member_id=member, day=day, approve="approve" in given, buddy_id=me, by=f"m:{me}", **common)
    else:
        raise Http404


def _page(
    request: HttpRequest, visitor: Visitor, found: Challenge, *, problem: str = "", words: str = "", status: int = 200
) -> HttpResponse:
    community, me = visitor.community.pk, visitor.member.pk
    today = local_day(SYSTEM_CLOCK.now(), visitor.community.timezone)
    entry = ChallengeEntry.objects.filter(challenge_id=found.pk, member_id=me).first()
    proofs = {proof.day: proof for proof in selectors.proofs_of(found.pk, me)}
    days = [found.starts_on + timedelta(days=n) for n in range(found.days)]
    done = sum(proof.state != ChallengeProof.State.REJECTED for proof in proofs.values())
    running = found.state == Challenge.State.RUNNING and days[0] <= today <= days[-1]
    mine = proofs.get(today)
    inside = entry is not None and entry.state == ChallengeEntry.State.IN
    context = _shell(visitor) | {
        "found": found, "entry": entry, "inside": inside, "last_day": days[-1], "today": today, "problem": problem,
        "words": words, "done": done, "people": selectors.people([found.pk]).get(found.pk, 0),
        "days": [(day, proofs.get(day), day == today, day < today) for day in days],
        "can_prove": inside and running and (mine is None or mine.state == ChallengeProof.State.REJECTED),
        "mine": mine, "waiting": _waiting(community, found, me) if inside else [],
        "balance": balance(community, member_account(me)),
        "can_join": found.state == Challenge.State.SIGNUP and today < found.starts_on and not inside,
    }  # fmt: skip
    return render(request, "portal/challenge.html", context, status=status)


def _waiting(community: int, found: Challenge, me: int) -> list[tuple[ChallengeProof, str, str, bool]]:
    """(proof, name, words, whether it is a picture) of those that I look after."""
    rows = selectors.waiting_for(found.pk, me)
    names = names_of(community, [proof.member_id for proof in rows])
    said = {e.seq: e for e in log.read_at(raw_connection(), community, [proof.seq for proof in rows])} if rows else {}
    told = []
    for proof in rows:
        body = said[proof.seq].body or {} if proof.seq in said else {}
        words = str(body.get("args") or body.get("text") or "")
        told.append((proof, names.get(proof.member_id, ""), words, body.get("image") is not None))
    return told


def _shell(visitor: Visitor) -> dict[str, Any]:
    return {"visitor": visitor, "tab": "me", "now": SYSTEM_CLOCK.now(), "zone": visitor.community.timezone}
