"""Delivery: claims pending effects, lets the group's platform do what it can, and records what really happened.

Status, result event and (for transactional connectors) the act itself are one transaction: exactly once, also under
SIGKILL. Any number of deliverers may run at once.
"""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from django.db import Error as DjangoError
from django.db import InterfaceError, OperationalError, transaction
from django.db import connection as django_connection
from psycopg.types.json import Jsonb

from qunzhu.kernel.clock import SYSTEM_CLOCK, Clock
from qunzhu.kernel.connectors.local.client import LocalClient, spoken_time
from qunzhu.kernel.connectors.port import BY_RULE, Connector, Detail, How, Outcome, Refused, Task, capability, detail
from qunzhu.kernel.database import database_url
from qunzhu.kernel.effects import locks
from qunzhu.kernel.effects.details import put_into_words
from qunzhu.kernel.effects.outbox import CHANNEL, NEEDS_MEMBER
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

BATCH = 200
MAX_ATTEMPTS = 6
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=10)
LEASE = timedelta(minutes=1)  # how long a deliverer may take for an act outside; then another one tries
TASK_TITLES = {
    "warn": "提醒成员 {nickname}", "say": "在群里发一条消息", "mute": "请 {nickname} 暂停发言",
    "remove": "移出成员 {nickname}", "readmit": "请 {nickname} 回群",
    "move": "把 {nickname} 移到另一个群", "recall": "撤回 {nickname} 的消息",
    "announce": "更新群公告", "freeze": "冻结群", "unfreeze": "解冻群", "close": "关闭群", "reopen": "重新开放群",
}  # fmt: skip
ACTION_NAMES = {
    "warn": "提醒", "say": "发消息", "answer": "回答", "mute": "禁言", "unmute": "解除禁言", "remove": "移出成员",
    "readmit": "请成员回群", "move": "移到另一个群", "recall": "撤回消息", "announce": "更新群公告",
    "freeze": "冻结群", "unfreeze": "解冻群", "close": "关闭群", "reopen": "重新开放群",
}  # fmt: skip
LOST = (psycopg.OperationalError, psycopg.InterfaceError, OperationalError, InterfaceError)
logger = structlog.get_logger("qunzhu.deliver")


@dataclass
class End:
    """Where an effect stands after a try: a final status, or pending with a time to try again."""

    task: Task
    status: str
    detail: Detail = field(default_factory=dict)
    error: str = ""
    retry_at: datetime | None = None
    case_id: int | None = None
    events: list[NewEvent] = field(default_factory=list)


class Deliverer:
    """Delivers effects. `run_once` works off all that is due; `run_forever` waits for NOTIFY until `stopping`."""

    def __init__(
        self,
        connectors: Sequence[Connector] | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        batch: int = BATCH,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.connectors: Sequence[Connector] = (LocalClient(),) if connectors is None else connectors
        self.clock = clock
        self.batch = batch
        self.jitter = jitter
        self.stopping = False

    def run_once(self) -> int:
        """Work until nothing is due; returns how many tries were made."""
        done = 0
        while not self.stopping:
            tried = sum(self._round(c) for c in self.connectors) + self._orphans()
            if not tried:
                return done
            done += tried
        return done

    def _round(self, connector: Connector) -> int:
        return self._inside(connector) if connector.transactional else self._outside(connector)

    def _inside(self, connector: Connector) -> int:
        """The platform's state lies in this database: claim, act, record and commit as one."""
        now = self.clock.now()
        with transaction.atomic():
            tasks = self._claim(connector, now)
            if tasks:
                try:
                    with transaction.atomic():
                        connector.prepare(raw_connection(), tasks)
                        ends = [self._try(connector, t, now) for t in tasks]
                except LOST:
                    raise
                except Exception:  # noqa: BLE001  (one bad effect: undo, then each one behind its own savepoint)
                    ends = [self._try_alone(connector, t, now) for t in tasks]
                self._record(ends, now)
        return len(tasks)

    def _outside(self, connector: Connector) -> int:
        """The platform is elsewhere: lease in one transaction, act, record in another."""
        now = self.clock.now()
        with transaction.atomic():
            tasks = self._claim(connector, now)
            self._lease(tasks, now)
        for task in tasks:
            end = self._try_safely(connector, task, now)
            with transaction.atomic():
                if locks.lock_leased(raw_connection(), task):
                    self._record([end], self.clock.now())
        return len(tasks)

    def _orphans(self) -> int:
        """No connector will ever take these: say so instead of letting them wait forever."""
        now = self.clock.now()
        with transaction.atomic():
            known = [c.name for c in self.connectors]
            tasks = locks.claim_orphans(raw_connection(), known, limit=self.batch, now=now)
            if tasks:
                self._record([End(t, "unsupported", detail("no_connector", connector=t.connector)) for t in tasks], now)
        return len(tasks)

    def _claim(self, connector: Connector, now: datetime) -> list[Task]:
        raw, limit = raw_connection(), self.batch
        if connector.per_second is not None:
            limit = locks.take_pace(raw, connector.name, connector.per_second, limit=limit, now=now)
        tasks = locks.claim_effects(raw, connector.name, limit=limit, now=now) if limit else []
        if tasks and connector.per_second is not None:
            locks.spend_pace(raw, connector.name, len(tasks))
        return tasks

    def _lease(self, tasks: list[Task], now: datetime) -> None:
        raw_connection().execute(
            "UPDATE effect SET next_attempt_at = %s, attempts = attempts + 1 WHERE (community_id, id) IN"
            " (SELECT * FROM unnest(%s::int8[], %s::uuid[]))",
            [now + LEASE, [t.community_id for t in tasks], [t.id for t in tasks]],
        )

    def _try(self, connector: Connector, task: Task, now: datetime) -> End:
        profile = capability(task.profile)
        how: How = profile.how.get(task.kind, "none")
        if how == "none":
            return End(task, "unsupported", detail("profile", profile=profile.name, kind=task.kind))
        if how == "human":
            return End(task, "task_created", detail("handed_over"))
        outcome: Outcome = connector.execute(raw_connection(), task, how, now=now)
        return End(task, outcome.result, outcome.detail, events=list(outcome.events))

    def _try_alone(self, connector: Connector, task: Task, now: datetime) -> End:
        try:
            with transaction.atomic():
                connector.prepare(raw_connection(), [task])
                return self._try(connector, task, now)
        except LOST:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a platform answers must not stop delivery)
            return self._failed(task, error, now)

    def _try_safely(self, connector: Connector, task: Task, now: datetime) -> End:
        try:
            return self._try(connector, task, now)
        except Exception as error:  # noqa: BLE001
            return self._failed(task, error, now)

    def _failed(self, task: Task, error: Exception, now: datetime) -> End:
        said = f"{type(error).__name__}: {error}"[:2000]
        attempts = task.attempts + 1
        logger.warning("effect failed", effect=str(task.id), kind=task.kind, attempts=attempts, error=said)
        if isinstance(error, Refused):
            return End(task, "failed", error.detail, error=said)
        if attempts >= MAX_ATTEMPTS:
            return End(task, "failed", detail("gave_up", attempts=attempts), error=said)
        return End(task, "pending", error=said, retry_at=now + self.wait_after(attempts))

    def wait_after(self, attempts: int) -> timedelta:
        """Exponential back-off with jitter: 1 s, 2 s, 4 s … ≤ 10 min, each between half and whole."""
        seconds = min(LONGEST_WAIT.total_seconds(), FIRST_WAIT.total_seconds() * 2.0 ** (attempts - 1))
        return timedelta(seconds=seconds * (0.5 + self.jitter() / 2))

    def _record(self, ends: list[End], now: datetime) -> None:
        _drop_tasks_without_object(ends)
        events: list[NewEvent] = []
        for end in ends:
            events += end.events
            if end.status == "pending":
                continue
            opened = _open_case(end, now) if end.status in {"task_created", "failed"} else None
            if opened is not None:
                end.case_id = opened.case_id
                events += [opened.event] if opened.event else []
            events.append(done_event(end.task, end.status, end.detail, end.case_id, now))
        raw = raw_connection()
        raw.execute(
            "UPDATE effect SET status = n.status, detail = n.detail, last_error = n.error, case_id = n.case_id,"
            " attempts = n.attempts, next_attempt_at = COALESCE(n.retry_at, next_attempt_at),"
            " finished_at = CASE WHEN n.status IN ('pending', 'task_created') THEN NULL ELSE %s::timestamptz END"
            " FROM unnest(%s::int8[], %s::uuid[], %s::text[], %s::jsonb[], %s::text[], %s::int8[], %s::int4[],"
            " %s::timestamptz[]) AS n(community_id, id, status, detail, error, case_id, attempts, retry_at)"
            " WHERE effect.community_id = n.community_id AND effect.id = n.id",
            [now, *_columns(ends)],
        )
        log.append(raw, events, now=now)

    def run_forever(self, *, poll_seconds: float = 1.0) -> None:
        """Deliver, wait for NOTIFY (or `poll_seconds`, when retries fall due), deliver again; survives PostgreSQL."""
        while not self.stopping:
            try:
                with psycopg.connect(database_url(), autocommit=True) as listener:
                    listener.execute(f"LISTEN {CHANNEL}")
                    while not self.stopping:
                        self.run_once()
                        for _ in listener.notifies(timeout=poll_seconds, stop_after=1):
                            pass
            except LOST as error:
                logger.warning("delivery interrupted, trying again", error=repr(error))
                with suppress(psycopg.Error, DjangoError):
                    django_connection.close()
                time.sleep(0.1 + self.jitter() * 0.3)


def _drop_tasks_without_object(ends: list[End]) -> None:
    """Nobody is asked to act on a member who is out of the group by now.

    The log is held first: who leaves after this finds the task open, and the consumer `effects` ends it.
    """
    asked = [e for e in ends if e.status == "task_created" and e.task.kind in NEEDS_MEMBER]
    if not asked:
        return
    raw = raw_connection()
    locks.hold_logs(raw, [e.task.community_id for e in ends])
    gone = locks.out_of_group(raw, [e.task for e in asked])
    for end in asked:
        if end.task.id in gone:
            end.status, end.detail = "done" if end.task.kind == "remove" else "unsupported", detail("member_gone")


def done_event(task: Task, result: str, came_of_it: Detail, case_id: int | None, now: datetime) -> NewEvent:
    """`effect.done`: where the effect ended. A retried effect ends again, so the moment is part of the fact."""
    body: dict[str, Any] = {
        "effect": str(task.id), "kind": task.kind, "result": result, "detail": came_of_it, "cause_seq": task.cause_seq,
        "rule": task.rule,
    }  # fmt: skip
    if case_id is not None:
        body["case"] = case_id
    if task.kind == "mute":  # who is muted only in words is held to it by the rules
        body["until"] = task.payload["until"]
    if task.requested_by != BY_RULE:
        body["asked_by"] = task.requested_by
    fact = event_id("effect.done", task.id, result, now.isoformat())
    return NewEvent(task.community_id, fact, "effect.done", now, body, task.group_id, task.member_id)


def steps_for(task: Task, now: datetime) -> list[str]:
    """What a human does instead, numbered, exact for the platform of the group."""
    until = task.payload.get("until")
    words = {
        "nickname": task.nickname or "该成员",
        "group": task.group_name,
        "to": task.to_name,
        "text": task.payload.get("text") or "",
        "seq": task.payload.get("seq", ""),
        "until": spoken_time(datetime.fromisoformat(until), now, task.timezone) if until else "",
    }
    steps = capability(task.profile).steps[task.kind]
    return [f"{number}. {step.format_map(words)}" for number, step in enumerate(steps, 1)]


def _open_case(end: End, now: datetime) -> Any:
    from qunzhu.kernel.cases.services import open_case

    task = end.task
    evidence = [task.cause_seq] if task.cause_seq is not None else []
    common: dict[str, Any] = {
        "community_id": task.community_id, "group_id": task.group_id, "member_id": task.member_id,
        "event_seq": task.cause_seq, "evidence": evidence, "now": now,
    }  # fmt: skip
    nickname = task.nickname or "成员"
    if end.status == "task_created":
        steps = steps_for(task, now)
        return open_case(
            kind="effect_task",
            key=f"effect:{task.id}:task:{now.isoformat()}",
            title=f"{TASK_TITLES[task.kind].format(nickname=nickname)}({task.group_name})",
            summary="\n".join(steps),
            urgency="orange" if task.kind in {"remove", "freeze", "close"} else "yellow",
            payload={"effect": str(task.id), "kind": task.kind, "steps": steps, "text": task.payload.get("text", "")},
            **common,
        )
    return open_case(
        kind="effect_failed",
        key=f"effect:{task.id}:failed:{now.isoformat()}",
        title=f"动作没有成功:{ACTION_NAMES.get(task.kind, task.kind)}({task.group_name})",
        summary=put_into_words(end.detail, translate=str, time=lambda at: spoken_time(at, now, task.timezone)),
        urgency="orange",
        payload={"effect": str(task.id), "kind": task.kind, "error": end.error},
        **common,
    )


def _columns(ends: list[End]) -> list[list[Any]]:
    rows = [
        (e.task.community_id, e.task.id, e.status, Jsonb(e.detail), e.error, e.case_id, e.task.attempts + 1, e.retry_at)
        for e in ends
    ]
    return [list(column) for column in zip(*rows, strict=True)]
