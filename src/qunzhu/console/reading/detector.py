"""What the detectors make of a text, for people: every category with its score and its reasons."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from psycopg import Cursor

from qunzhu.console.reading.rule_words import categories
from qunzhu.governance.precision import precision_by_rule
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.text.normalise import normalise
from qunzhu.kernel.text.reading import Reading
from qunzhu.risk.detect.names import NAMES
from qunzhu.risk.detect.verdicts import FLAGGED, TEXT_CATEGORIES, Look
from qunzhu.risk.state import PEOPLE, World, decode_people


@dataclass(frozen=True)
class Seen:
    """One category: its score in percent, whether it is meant as a yes, and why."""

    category: str
    name: str
    percent: int
    flagged: bool
    reasons: list[str]


@dataclass(frozen=True)
class Record:
    """How often people found a rule right."""

    rule: str
    right: int
    verdicts: int

    @property
    def percent(self) -> int:
        return round(100 * self.right / self.verdicts)


def world_of(community_id: int) -> World:
    """The community's words and lessons, as the consumer `order` has them now."""
    found = _state(community_id, [PEOPLE])
    world = World(decode_people(found[PEOPLE]) if found else None)
    for part, blob in _state(community_id, world.needs()).items():
        world.give(part, blob)
    return world


def _state(community_id: int, subjects: list[str]) -> dict[str, bytes]:
    if not subjects:
        return {}
    rows = Cursor(raw_connection()).execute(
        "SELECT subject, data FROM engine_state WHERE community_id = %s AND consumer = 'order' AND subject = ANY(%s)",
        [community_id, subjects],
        binary=True,
    )
    return dict(rows.fetchall())


def look_at(community_id: int, text: str) -> list[Seen]:
    """The verdicts on a text in this community, the highest score first."""
    world = world_of(community_id)
    reading = Reading(text, world.library)
    look = Look(normalise(text), world.senses, links=reading.links, hits=[hit.category for hit in reading.hits])
    names = categories()
    seen = [
        Seen(
            category,
            names[category],
            round(100 * verdict.score),
            verdict.score >= FLAGGED,
            [_(NAMES[reason]) for reason in verdict.reasons],
        )
        for category in TEXT_CATEGORIES
        for verdict in [look.verdict(category)]
    ]
    return sorted(seen, key=lambda s: -s.percent)


def records(community_id: int) -> list[Record]:
    """Each rule that people gave verdicts on, the least precise first."""
    known = precision_by_rule(community_id)  # as the rulebook shows it
    found = [Record(rule, said.held, said.reviewed) for rule, said in known.items() if said.reviewed]
    return sorted(found, key=lambda r: (r.percent, r.rule))


def lessons(community_id: int) -> tuple[int, int]:
    """How many texts taught that they are one, and how many that they are harmless, as things stand."""
    row = (
        Cursor(raw_connection())
        .execute(
            "SELECT count(*) FILTER (WHERE p = 'true'), count(*) FILTER (WHERE p = 'false') FROM"
            " (SELECT DISTINCT ON (body->>'message', body->>'category') body->>'positive' AS p FROM event"
            " WHERE community_id = %s AND kind IN ('lesson.learned', 'lesson.unlearned') AND body IS NOT NULL"
            " ORDER BY body->>'message', body->>'category', seq DESC) latest",
            [community_id],
        )
        .fetchone()
    )
    return (row[0], row[1]) if row else (0, 0)
