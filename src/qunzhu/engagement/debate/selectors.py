"""What pages read of debates and polls, and what must always hold there."""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db.models import QuerySet

from qunzhu.engagement.debate.models import Debate, DebateArgument, DebateCard, DebateTopic, DebateVote, Poll
from qunzhu.engagement.debate.policy import COUNTED, OPEN, SKIPPED
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection


def debate(community_id: int, number: int) -> Debate | None:
    """One debate."""
    return Debate.objects.filter(community_id=community_id, number=number).first()


def running(community_id: int) -> Debate | None:
    """The debate that is going on."""
    return Debate.objects.filter(community_id=community_id, state__in=OPEN).first()


def past(community_id: int, *, skipped: bool = False) -> QuerySet[Debate]:
    """Debates that are over, the latest first."""
    rows = Debate.objects.filter(community_id=community_id).exclude(state__in=OPEN)
    return (rows if skipped else rows.exclude(state=SKIPPED)).order_by("-number")


def topics(community_id: int) -> list[DebateTopic]:
    """All topics by number."""
    return list(DebateTopic.objects.filter(community_id=community_id).order_by("number"))


def arguments(community_id: int, number: int) -> list[tuple[DebateArgument, str, str]]:
    """(argument, nickname, words) of those that count, in their order; words that were erased or expired are ""."""
    rows = DebateArgument.objects.filter(community_id=community_id, debate=number, state=COUNTED).order_by("n")
    found = list(rows)
    said = {e.seq: e.body for e in log.read_at(raw_connection(), community_id, [a.message for a in found])}
    return [
        (a, str(said.get(a.message, {}).get("nickname") or ""), str(said.get(a.message, {}).get("text") or ""))
        for a in found
    ]


def votes(community_id: int, number: int) -> list[DebateVote]:
    """Every vote as it stands."""
    return list(DebateVote.objects.filter(community_id=community_id, debate=number).order_by("member_id"))


def vote_of(community_id: int, number: int, member_id: int) -> DebateVote | None:
    """The member's own vote."""
    return DebateVote.objects.filter(community_id=community_id, debate=number, member_id=member_id).first()


def card(community_id: int, number: int) -> bytes | None:
    """The result card as PNG."""
    found = DebateCard.objects.filter(community_id=community_id, debate=number).first()
    return bytes(found.data) if found else None


def has_card(community_id: int, numbers: Sequence[int]) -> set[int]:
    """Those of `numbers` that have a card."""
    rows = DebateCard.objects.filter(community_id=community_id, debate__in=list(numbers))
    return set(rows.values_list("debate", flat=True))


def polls(community_id: int) -> QuerySet[Poll]:
    """Polls, the latest first."""
    return Poll.objects.filter(community_id=community_id).order_by("-number")


def check_debates(community_id: int) -> list[str]:
    """Every broken invariant as one sentence; an empty list is health."""
    problems: list[str] = []
    cursor = psycopg.Cursor(raw_connection())
    for sql, words in _INVARIANTS:
        rows: list[tuple[Any, ...]] = cursor.execute(sql, {"c": community_id}).fetchall()
        problems += [words.format(*row) for row in rows]
    return problems


_INVARIANTS = (
    (
        (
            "SELECT d.number, d.state, e.said FROM debate d LEFT JOIN (SELECT DISTINCT ON ((body->>'debate')::int)"
            " (body->>'debate')::int AS number, CASE kind WHEN 'debate.opened' THEN 'speaking' WHEN 'debate.closed'"
            " THEN 'voting' WHEN 'debate.skipped' THEN 'skipped' ELSE body->>'how' END AS said FROM event"
            " WHERE community_id = %(c)s AND kind IN ('debate.opened', 'debate.closed', 'debate.ended',"
            " 'debate.skipped') ORDER BY (body->>'debate')::int, seq DESC) e ON e.number = d.number"
            " WHERE d.community_id = %(c)s AND d.state IS DISTINCT FROM e.said ORDER BY 1"
        ),
        "debate {0} is {1}, the log says {2}",
    ),
    (
        (
            "SELECT v.debate, v.member_id FROM debate_vote v LEFT JOIN (SELECT DISTINCT ON (member_id,"
            " (body->>'debate')::int) member_id, (body->>'debate')::int AS debate, body->>'side' AS side,"
            " (body->>'best')::int AS best FROM event WHERE community_id = %(c)s AND kind = 'debate.voted'"
            " AND body IS NOT NULL ORDER BY member_id, (body->>'debate')::int, seq DESC) e"
            " ON e.member_id = v.member_id AND e.debate = v.debate WHERE v.community_id = %(c)s"
            " AND (v.side IS DISTINCT FROM e.side OR v.best IS DISTINCT FROM e.best) ORDER BY 1, 2"
        ),
        "in debate {0} the vote of member {1} is not what the log says",
    ),
    (
        (
            "SELECT a.debate, a.n FROM debate_argument a WHERE a.community_id = %(c)s AND NOT EXISTS (SELECT 1 FROM"
            " event e WHERE e.community_id = %(c)s AND e.kind = 'debate.argued' AND e.seq > a.message"
            " AND (e.body->>'message')::bigint = a.message) ORDER BY 1, 2"
        ),
        "argument {1} of debate {0} is not in the log",
    ),
    (
        (
            "SELECT d.number, (d.result->>'points')::int, coalesce(sum(p.amount), 0) FROM debate d LEFT JOIN"
            " ledger_transaction t ON t.community_id = d.community_id AND t.kind = 'debate'"
            " AND t.idempotency_key LIKE 'debate:' || d.number || ':%%' LEFT JOIN posting p"
            " ON p.community_id = t.community_id AND p.transaction_id = t.id AND p.owner LIKE 'm:%%'"
            " WHERE d.community_id = %(c)s AND d.state = 'done' GROUP BY d.number, d.result"
            " HAVING (d.result->>'points')::int <> coalesce(sum(p.amount), 0) ORDER BY 1"
        ),
        "debate {0} gave {1} points, the ledger has {2}",
    ),
)
