"""Consumer `quality`: marks as a projection, their points, 优质 and 取消优质 in the chat, what punishment undoes."""

from collections.abc import Iterable

import psycopg

from qunzhu.governance.points import Undo, move_back
from qunzhu.governance.quality import policy
from qunzhu.governance.quality.marking import NotTaken, Standing, marking, standing_of, unmarking
from qunzhu.kernel.community.models import Staff
from qunzhu.kernel.community.permissions import may
from qunzhu.kernel.community.selectors import blueprint_of, names_of
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.selectors import member_account
from qunzhu.kernel.ledger.services import ISSUE, POINTS, Award, award_many

COMMANDS = frozenset({"quality", "unquality"})
PERMISSION = "content.mark"
SYSTEM = "qunzhu"
_MARK = (
    "INSERT INTO quality_mark (community_id, message_seq, group_id, member_id, state, turn, points, by, via,"
    " marked_seq, at, ended_by, ended_why) VALUES (%s, %s, %s, %s, 'marked', %s, %s, %s, %s, %s, %s, '', '')"
    " ON CONFLICT (community_id, message_seq) DO UPDATE SET state = 'marked', turn = excluded.turn,"
    " points = excluded.points, by = excluded.by, via = excluded.via, marked_seq = excluded.marked_seq,"
    " at = excluded.at, ended_by = '', ended_why = '', ended_at = NULL"
)
_UNMARK = (
    "UPDATE quality_mark SET state = 'unmarked', ended_by = %s, ended_why = %s, ended_at = %s"
    " WHERE community_id = %s AND message_seq = %s AND turn = %s"
)


def handle(batch: Batch) -> None:
    """Project in log order; outside a rebuild, also move the points, serve the commands, and undo what was punished."""
    for event in batch.events:
        if event.kind == "quality.marked" and event.body:
            _marked(batch, event)
        elif event.kind == "quality.unmarked" and event.body:
            _unmarked(batch, event)
    if batch.rebuilding:
        return
    _move_points(batch)
    _undo_punished(batch)
    commands = [e for e in batch.events if e.body.get("command") in COMMANDS and not e.historic and e.group_id]
    if commands:
        _Desk(batch).serve(commands)


def _marked(batch: Batch, event: Event) -> None:
    body = event.body
    psycopg.Cursor(batch.connection).execute(
        _MARK,
        [
            batch.community_id, body["message"], event.group_id, event.member_id, body["turn"], body["points"],
            body["by"], body["via"], event.seq, event.occurred_at,
        ],
    )  # fmt: skip


def _unmarked(batch: Batch, event: Event) -> None:
    body = event.body
    psycopg.Cursor(batch.connection).execute(
        _UNMARK,
        [body["by"], body["why"], event.occurred_at, batch.community_id, body["message"], body["turn"]],
    )


def points_key(message_seq: int, turn: int) -> str:
    """The ledger key of what the `turn`-th mark of a message gave."""
    return f"quality:{message_seq}:{turn}"


def _move_points(batch: Batch) -> None:
    """Points for marks and back for unmarks, in log order, every account locked first in the ledger's order."""
    told = [e for e in batch.events if e.kind in {"quality.marked", "quality.unmarked"} and e.body and e.member_id]
    if not told:
        return
    people = {e.member_id or 0 for e in told}
    lock_accounts(
        batch.connection, batch.community_id, [(member_account(m), POINTS) for m in people] + [(ISSUE, POINTS)]
    )
    names = names_of(batch.community_id, people)
    said: list[EffectRequest] = []
    for event in told:
        key = points_key(event.body["message"], event.body["turn"])
        if event.kind == "quality.marked":
            _give(batch, event, key)
            said.append(_announcement(event, names.get(event.member_id or 0, "")))
        else:
            undo = Undo(key, event.member_id or 0, event.group_id, "取消优质内容，收回积分")
            if (moved := move_back(batch, undo)) is not None:
                batch.append(moved)
    outbox.request(batch.connection, batch.community_id, said, now=batch.now)


def _give(batch: Batch, event: Event, key: str) -> None:
    points = event.body["points"]
    if points <= 0:
        return
    given = Award(event.member_id or 0, points, key, "quality", "优质内容", event.body["message"], event.group_id)
    for posted in award_many(community_id=batch.community_id, awards=[given], now=batch.now):
        if posted.event is not None:
            batch.append(posted.event)


def _announcement(event: Event, name: str) -> EffectRequest:
    return EffectRequest(
        kind="answer",
        key=f"quality:{event.community_id}:{event.seq}",
        group_id=event.group_id or 0,
        member_id=event.member_id,
        payload={
            "text": policy.say_marked(name, event.body["points"]), "to": event.member_id,
            "reply_to": event.body["message"],
        },
        cause_seq=event.seq,
        rule="quality",
    )  # fmt: skip


def _undo_punished(batch: Batch) -> None:
    """A message that is punished or taken back is no quality content any more."""
    seqs = {seq for event in batch.events if event.body for seq in _punished(event)}
    if not seqs:
        return
    rows = psycopg.Cursor(batch.connection).execute(
        "SELECT message_seq, turn, group_id, member_id FROM quality_mark"
        " WHERE community_id = %s AND message_seq = ANY(%s) AND state = 'marked' ORDER BY message_seq",
        [batch.community_id, list(seqs)],
    )
    for mark in rows.fetchall():
        batch.append(unmarking(mark, community_id=batch.community_id, by=SYSTEM, why="punished", at=batch.now))


def _punished(event: Event) -> Iterable[int]:
    body = event.body
    if event.kind == "message.recalled":
        return [body["target"]] if isinstance(body.get("target"), int) else []
    if event.kind == "case.decided":
        return [body["cause_seq"]] if body.get("step") and body.get("cause_seq") else []
    if event.kind == "decision.made" and body["outcome"] == "live":
        acts = any(effect.get("kind") in {"warn", "mute", "remove", "recall"} for effect in body.get("effects") or ())
        return [body["cause_seq"]] if acts else []
    return []


class _Desk:
    """Serves the commands of one batch in order; what it has just marked counts for the next one."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.stands: dict[int, Standing] = {}
        self.posts = {
            member: (user, role)
            for member, user, role in Staff.objects.filter(
                community_id=batch.community_id, member_id__isnull=False
            ).values_list("member_id", "user__username", "role")
        }

    def serve(self, commands: list[Event]) -> None:
        quoted = {e.body["reply_to"] for e in commands if e.body.get("reply_to") is not None}
        messages = {m.seq: m for m in log.read_at(self.batch.connection, self.batch.community_id, sorted(quoted))}
        answers = [_answer(e, text) for e in commands if (text := self._serve(e, messages))]
        outbox.request(self.batch.connection, self.batch.community_id, answers, now=self.batch.now)

    def _serve(self, event: Event, messages: dict[int, Event]) -> str:
        """Mark or unmark the quoted message; the answer, "" where the group is told anyway."""
        user, role = self.posts.get(event.member_id or 0, ("", None))
        if not may(role, PERMISSION):
            return policy.NOT_STAFF
        message = messages.get(event.body.get("reply_to") or 0)
        if event.body.get("reply_to") is None:
            return policy.NO_QUOTE
        if message is None or message.group_id != event.group_id:
            return policy.NOT_A_MESSAGE
        try:
            act = self._mark if event.body["command"] == "quality" else self._unmark
            return act(event, message, user)
        except NotTaken as refused:
            return str(refused)

    def _standing(self, seq: int) -> Standing:
        if seq not in self.stands:
            self.stands[seq] = standing_of(self.batch.connection, self.batch.community_id, seq)
        return self.stands[seq]

    def _mark(self, event: Event, message: Event, user: str) -> str:
        stands = self._standing(message.seq)
        made = marking(
            self.batch.connection, message, stands, by=user, own=event.member_id, via="chat",
            points=policy.points_from(blueprint_of(self.batch.community_id)), at=event.occurred_at,
        )  # fmt: skip
        self.stands[message.seq] = Standing(stands.turn + 1, marked=True)
        self.batch.append(made)
        return ""

    def _unmark(self, event: Event, message: Event, user: str) -> str:
        stands = self._standing(message.seq)
        if not stands.marked:
            raise NotTaken(policy.NOT_MARKED)
        mark = (message.seq, stands.turn, message.group_id or 0, message.member_id or 0)
        self.stands[message.seq] = Standing(stands.turn, marked=False)
        self.batch.append(
            unmarking(mark, community_id=self.batch.community_id, by=user, why="staff", at=event.occurred_at)
        )
        return policy.say_unmarked(policy.points_from(blueprint_of(self.batch.community_id)))


def _answer(event: Event, text: str) -> EffectRequest:
    return EffectRequest(
        kind="answer",
        key=f"quality:answer:{event.community_id}:{event.seq}",
        group_id=event.group_id or 0,
        member_id=event.member_id,
        payload={"text": text, "to": event.member_id, "reply_to": event.seq},
        cause_seq=event.seq,
        rule=f"command.{event.body['command']}",
    )


CONSUMER = Consumer(
    "quality",
    handle,
    kinds=frozenset(
        {"quality.marked", "quality.unmarked", "command.posted", "decision.made", "case.decided", "message.recalled"}
    ),
    tables=("quality_mark",),
)
