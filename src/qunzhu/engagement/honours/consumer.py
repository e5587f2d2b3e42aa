"""Consumer `honours`: lists, counts and badges as projections; outside a rebuild also 排行榜, 徽章 and new badges."""

from collections import defaultdict
from collections.abc import Sequence

from qunzhu.engagement.honours import awarding, rows, sayings
from qunzhu.engagement.honours.policy import badges_from, rule_of, week_of
from qunzhu.engagement.honours.selectors import Reader
from qunzhu.engagement.honours.services import NAME, RULE, link
from qunzhu.engagement.honours.standing import eligible
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.community.selectors import names_of
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event

LINES = 20  # of a message that answers many


def handle(batch: Batch) -> None:
    """Project first, so that answers and badges know the whole batch."""
    rows.project_points(batch)
    rows.project_penalties(batch)
    rows.project_closed(batch)
    touched = rows.project_counts(batch) | rows.project_badges(batch)
    gone = [event.body["member"] for event in batch.events if event.kind == "member.erased"]
    if gone:
        rows.forget(batch, gone)
    if batch.rebuilding:
        return
    for event in awarding.judge(batch.connection, batch.community_id, touched - set(gone), now=batch.now):
        batch.append(event)
    commands = [
        e
        for e in batch.events
        if e.kind == "command.posted" and e.body.get("command") in {"leaderboard", "badges"} and not e.historic
        and e.member_id is not None and e.group_id is not None and eligible(e.community_id, e.member_id, e.group_id)
    ]  # fmt: skip
    if commands:
        _serve(batch, commands)


def _serve(batch: Batch, commands: Sequence[Event]) -> None:
    community = Community.objects.get(pk=batch.community_id)
    wanted = [_answer(batch, e, _badges(batch, community, e)) for e in commands if e.body["command"] == "badges"]
    asked: dict[int, list[Event]] = defaultdict(list)
    for event in commands:
        if event.body["command"] == "leaderboard":
            asked[event.group_id or 0].append(event)
    if asked:
        wanted += _boards(batch, community, asked)
    outbox.request(batch.connection, batch.community_id, wanted, now=batch.now)


def _boards(batch: Batch, community: Community, asked: dict[int, list[Event]]) -> list[EffectRequest]:
    """One answer each, or few messages for many."""
    reader = Reader(community, "week", week_of(local_day(batch.now, community.timezone)))
    top = reader.top().places
    names = names_of(community.pk, [place.member for place in top])
    wanted = []
    for group_id, events in asked.items():
        own = [sayings.say_own(*reader.own(event.member_id or 0)) for event in events]
        if len(events) < sayings.TOGETHER:
            told = [sayings.say_board(top, names, said, link()) for said in own]
            wanted += [_answer(batch, event, text) for event, text in zip(events, told, strict=True)]
            continue
        lines = [(str(e.body.get("nickname") or ""), said) for e, said in zip(events, own, strict=True)]
        for start in range(0, len(events), LINES):
            text = sayings.say_boards(top, names, lines[start : start + LINES], link())
            first = events[start].seq
            key = f"{RULE}:{batch.community_id}:{first}"
            wanted.append(EffectRequest("say", key, group_id, None, {"text": text}, first, "command.leaderboard"))
    return wanted


def _badges(batch: Batch, community: Community, event: Event) -> str:
    member = event.member_id or 0
    held = awarding.held_by(batch.connection, batch.community_id, [member]).get(member, {})
    badges = badges_from(community.blueprint)
    has = [badge for badge in badges if held.get(badge.id, (0, False))[1]]
    missing = [badge for badge in badges if badge not in has]
    following = f"{missing[0].name}（{rule_of(missing[0])}）" if missing else ""
    told = [f"{badge.image}{badge.name}" for badge in has]
    return sayings.say_badges(told, len(missing), following, f"{link()}badges/")


def _answer(batch: Batch, event: Event, text: str) -> EffectRequest:
    return EffectRequest(
        "answer", f"{RULE}:{batch.community_id}:{event.seq}", event.group_id or 0, event.member_id,
        {"text": text, "to": event.member_id, "reply_to": event.seq}, event.seq, f"command.{event.body['command']}",
    )  # fmt: skip


CONSUMER = Consumer(
    NAME,
    handle,
    kinds=frozenset({
        "points.posted", "decision.made", "penalty.given", "penalty.reversed", "honour.closed", "checkin.done",
        "quality.marked", "quality.unmarked", "report.upheld", "report.overturned", "badge.awarded", "badge.taken",
        "member.erased", "command.posted",
    }),
    tables=("honour_week", "honour_closed", "honour_place", "honour_penalty", "honour_count", "honour_badge"),
)  # fmt: skip
