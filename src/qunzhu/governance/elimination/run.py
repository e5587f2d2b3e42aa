"""Tag silent members and open the case in which a human decides about each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from qunzhu.governance.elimination.policy import Presence, Settings, Silence, last_day
from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.cases.silences import observation_group, ordinary_groups
from qunzhu.kernel.events.schema import NewEvent, event_id

REVIEW_WITHIN = timedelta(days=3)


@dataclass(frozen=True)
class Batch:
    """The members of one run on a local day, longest silence first."""

    community_id: int
    day: date
    people: Mapping[int, Presence]
    silent: Mapping[int, Silence]
    settings: Settings

    @property
    def members(self) -> list[int]:
        return list(self.silent)


def tag_batch(batch: Batch, *, now: datetime) -> list[NewEvent]:
    """The events that tag a batch; a review is opened, unless the setting moves silent members without one."""
    if not batch.silent:
        return []
    to = None if batch.settings.human_review else observation_group(batch.community_id)
    if to is not None:
        return _tags(batch, None, now) + _moves(batch, to, now)
    opened = open_case(
        community_id=batch.community_id,
        kind="inactive_review",
        key=f"inactive:{batch.day.isoformat()}",
        title=f"{len(batch.silent)} 位成员连续 {batch.settings.inactive_after} 天没有互动",
        summary="请逐人决定：留下、请假，或移入观察群（在那里说句话就会回来）。",
        urgency="yellow",
        deadline=now + REVIEW_WITHIN,
        payload={"day": batch.day.isoformat(), "members": batch.members},
        now=now,
    )
    return [*_tags(batch, opened.case_id, now), *([opened.event] if opened.event else [])]


def _tags(batch: Batch, case_id: int | None, now: datetime) -> list[NewEvent]:
    events = []
    for member, found in batch.silent.items():
        presence = batch.people[member]
        last = last_day(presence, batch.settings)
        body: dict[str, Any] = {
            "tag": batch.settings.tag,
            "day": batch.day.isoformat(),
            "days": found.days,
            "counts_as": list(batch.settings.counts_as),
        }
        if case_id is not None:
            body["case"] = case_id
        for name, day in (("last", last), ("joined", presence.joined)):
            if day is not None:
                body[name] = day.isoformat()
        events.append(_event(batch, "member.tagged", member, body, now))
    return events


def _moves(batch: Batch, to: int, now: datetime) -> list[NewEvent]:
    places = ordinary_groups(batch.community_id, batch.members)
    return [
        _event(
            batch,
            "observation.decided",
            member,
            {"choice": "move", "by": "qunzhu", "to": to, "from": places.get(member, [])},
            now,
        )
        for member in batch.members
    ]


def _event(batch: Batch, kind: str, member: int, body: dict[str, Any], now: datetime) -> NewEvent:
    """A day tags a member once, whoever finds it."""
    fact = event_id(kind, batch.community_id, "run", batch.day, member)
    return NewEvent(batch.community_id, fact, kind, now, body, None, member)
