"""举报 from the command to `report.filed`: who is meant, whether it counts, what it weighs (docs/governance.md)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from qunzhu.governance.policy import (
    REASON_LENGTH,
    REPORT_AGAIN_AFTER,
    RING_MEMORY,
    RING_TARGETS,
    SAY_REPORTED,
    Record,
    ReportSettings,
    doubted,
    report_settings,
    verdict_on_amount,
    verdict_on_report,
    weigh,
)
from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.community.models import Member, Membership
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events.runner import Batch
from qunzhu.kernel.events.schema import Event, NewEvent, event_id


@dataclass(frozen=True)
class Filed:
    """A report of the last 24 hours, as the log has it or as this batch is about to append it."""

    reporter: int
    target: int
    at: datetime
    weight: float


@dataclass
class Desk:
    """Takes the reports of one batch in order; what it has just filed counts for the next one."""

    batch: Batch
    filed: list[Filed] = field(default_factory=list)
    _settings: ReportSettings | None = None

    @property
    def settings(self) -> ReportSettings:
        if self._settings is None:
            self._settings = report_settings(blueprint_of(self.batch.community_id))
        return self._settings

    def hear(self, event: Event) -> str:
        """File the report when it counts; returns the answer."""
        if event.member_id is None:
            raise ValueError(f"command {event.seq} has no author")
        target, message_seq = self._target_of(event)
        name = _name_of(self.batch, event, target) if target else None
        lately = self._lately("member_id = %s", event.member_id, event.occurred_at)
        told = verdict_on_report(
            reporter=event.member_id,
            target=target,
            is_member=name is not None,
            last_report_at=max((f.at for f in lately if f.target == target), default=None),
            at=event.occurred_at,
            several=bool(event.body.get("target_unclear")),
        )
        if told == SAY_REPORTED:
            record = record_of(self.batch, event.member_id, since=self._since(event.occurred_at))
            told = verdict_on_amount(today=len(lately), lately=record, settings=self.settings)
        if told == SAY_REPORTED and target is not None:
            self._file(event, event.member_id, (target, name or ""), message_seq)
        return told

    def _since(self, at: datetime) -> datetime:
        return at - timedelta(days=self.settings.dismissed_within)

    def _target_of(self, event: Event) -> tuple[int | None, int | None]:
        """(member, message) that a report is about: the author of the quoted message, else the one mentioned.

        A quoted message that no member wrote gives member 0, which is nobody.
        """
        quoted = event.body.get("target_seq") or event.body.get("reply_to")
        if quoted is not None:
            row = (
                psycopg.Cursor(self.batch.connection)
                .execute(
                    "SELECT member_id FROM event WHERE community_id = %s AND seq = %s AND group_id = %s"
                    " AND kind IN ('message.posted', 'command.posted', 'message.sent')",
                    [self.batch.community_id, quoted, event.group_id],
                )
                .fetchone()
            )
            if row is not None:
                return row[0] or 0, quoted
        target = event.body.get("target") or next(iter(event.body.get("mentions") or ()), None)
        return target, None

    def _lately(self, condition: str, value: int, at: datetime) -> list[Filed]:
        """Reports of the last 24 hours, from the log itself: the projection may be behind."""
        rows = psycopg.Cursor(self.batch.connection).execute(
            "SELECT member_id, (body->>'target')::int8, occurred_at, coalesce((body->>'weight')::float8, 0)"
            f" FROM event WHERE community_id = %s AND kind = 'report.filed' AND occurred_at > %s AND {condition}"
            " AND body IS NOT NULL AND NOT historic",
            [self.batch.community_id, at - REPORT_AGAIN_AFTER, value],
        )
        by_reporter = condition.startswith("member_id")
        known = [Filed(*row) for row in rows.fetchall()]
        return known + [f for f in self.filed if (f.reporter if by_reporter else f.target) == value]

    def _file(self, event: Event, reporter: int, whom: tuple[int, str], message_seq: int | None) -> None:
        target, name = whom
        batch, at = self.batch, event.occurred_at
        lately = self._lately("(body->>'target')::int8 = %s", target, at)
        others = {f.reporter: f.weight for f in lately if f.reporter != reporter}
        ring = _ring_of(batch, reporter, target, others, at) if others else set()
        record = record_of(batch, reporter)
        created = Member.objects.values_list("created_at", flat=True).get(community_id=batch.community_id, pk=reporter)
        fresh = at - created < timedelta(days=self.settings.fresh_days)
        weight = weigh(record, fresh=fresh, ring_has=sum(others[r] for r in ring))
        self.filed.append(Filed(reporter, target, at, weight))
        body: dict[str, Any] = {
            "target": target, "target_name": name, "reason": str(event.body.get("args", ""))[:REASON_LENGTH],
            "cause_seq": event.seq, "weight": weight, "upheld": record.upheld, "wrong": record.wrong, "fresh": fresh,
            "ring": len(ring) + 1, "total": round(weight + sum(others.values()), 3),
        }  # fmt: skip
        if message_seq is not None:
            body["target_seq"] = message_seq
        batch.append(
            NewEvent(
                batch.community_id,
                event_id("governance", batch.community_id, event.seq, "report.filed"),
                "report.filed",
                at,
                body,
                group_id=event.group_id,
                member_id=reporter,
            )
        )


def _name_of(batch: Batch, event: Event, member: int) -> str | None:
    """What the member is called in the group of the event, else in the community; None when there is no such member."""
    known = Member.objects.filter(community_id=batch.community_id, pk=member).values_list("display_name", flat=True)
    here = Membership.objects.filter(community_id=batch.community_id, group_id=event.group_id or 0, member_id=member)
    display = known.first()
    return None if display is None else here.values_list("nickname", flat=True).first() or display


def record_of(batch: Batch, reporter: int, *, since: datetime | None = None) -> Record:
    """How a reporter's reports ended, those filed since a moment, or all."""
    row = (
        psycopg.Cursor(batch.connection)
        .execute(
            "SELECT count(*) FILTER (WHERE state = 'upheld'),"
            " count(*) FILTER (WHERE state IN ('dismissed', 'overturned'))"
            " FROM report WHERE community_id = %s AND reporter_id = %s AND (%s::timestamptz IS NULL OR at > %s)",
            [batch.community_id, reporter, since, since],
        )
        .fetchone()
    )
    return Record(*row) if row else Record()


def _ring_of(batch: Batch, reporter: int, target: int, others: Iterable[int], at: datetime) -> set[int]:
    """Who of `others` keeps reporting the same people as `reporter`, within a day, and was not found right."""
    rows = psycopg.Cursor(batch.connection).execute(
        "SELECT b.reporter_id FROM report a JOIN report b ON b.community_id = a.community_id"
        " AND b.target_id = a.target_id AND b.at BETWEEN a.at - %s AND a.at + %s"
        " WHERE a.community_id = %s AND a.reporter_id = %s AND b.reporter_id = ANY(%s) AND a.target_id <> %s"
        " AND a.at > %s AND a.state <> 'upheld' AND b.state <> 'upheld'"
        " GROUP BY b.reporter_id HAVING count(DISTINCT a.target_id) >= %s",
        [
            REPORT_AGAIN_AFTER, REPORT_AGAIN_AFTER, batch.community_id, reporter, list(others), target,
            at - RING_MEMORY, RING_TARGETS,
        ],
    )  # fmt: skip
    return {row[0] for row in rows.fetchall()}


def watch_abuse(batch: Batch) -> None:
    """A reporter whose reports keep being wrong becomes a case, once; the limits hold meanwhile."""
    judged = [
        e for e in batch.events if e.kind in {"report.dismissed", "report.overturned"} and e.member_id is not None
    ]
    if not judged:
        return
    settings = report_settings(blueprint_of(batch.community_id))
    for reporter in dict.fromkeys(e.member_id or 0 for e in judged):
        last = max(e.occurred_at for e in judged if e.member_id == reporter)
        record = record_of(batch, reporter, since=last - timedelta(days=settings.dismissed_within))
        if not doubted(record, settings):
            continue
        opened = open_case(
            community_id=batch.community_id,
            kind="report_abuse",
            key=f"report_abuse:{reporter}",
            title="举报多次不属实",
            summary=(
                f"{settings.dismissed_within} 天内有 {record.wrong} 次举报不属实、{record.upheld} 次属实。"
                f"系统已把每天能举报的次数减到 {settings.per_day_when_abusing} 次。"
            ),
            urgency="grey",
            member_id=reporter,
            evidence=_reports_by(batch, reporter),
            now=batch.now,
        )
        if opened.event is not None:
            batch.append(opened.event)


def _reports_by(batch: Batch, reporter: int) -> list[int]:
    rows = psycopg.Cursor(batch.connection).execute(
        "SELECT seq FROM report WHERE community_id = %s AND reporter_id = %s AND state IN ('dismissed', 'overturned')"
        " ORDER BY seq DESC LIMIT 20",
        [batch.community_id, reporter],
    )
    return sorted(seq for (seq,) in rows.fetchall())
