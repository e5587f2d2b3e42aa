"""Erasing a person (privacy law): their words and names go from every table, the digests stay, verification holds.

What is erased from the log: bodies and salts of the member's own events that hold text, and of events that the
product or others wrote about them (a warning, a report, a case). What other members said stays theirs, also where it
mentions the person. Facts without words (a check-in, points, that a mute ended) stay, so that projections rebuild.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection, transaction

from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

ERASED = "（已抹除）"
# Own events whose bodies hold no words of or about the member.
WORDLESS = (
    "member.left", "member.removed", "member.readmitted", "member.muted", "member.unmuted",
    "message.recalled", "checkin.done",
    "points.posted", "points.capped",
    "penalty.reversed", "staff.changed", "member.tagged", "observation.returned", "leave.ended",
    "member.invited",
    "challenge.joined", "challenge.left", "challenge.proven", "challenge.judged",
    "mall.ordered", "mall.shipped", "mall.done", "mall.ended",
    "checkin.madeup", "card.granted", "task.completed", "task.reversed", "page.opened",
    "level.changed", "level.warned", "level.kept",
    "redpacket.grabbed",
    "debate.joined", "debate.argued", "debate.struck", "debate.voted", "poll.voted",
    "badge.awarded", "badge.taken",
)  # fmt: skip
# Strings in JSON that are words of the machine and stay; every other string is blanked.
_KEPT_KEYS = frozenset({
    "until", "kind", "effect", "rule", "step", "action", "level", "urgency", "state", "category", "connector",
    "code", "profile",
    "penalty_at", "first_decider",
})  # fmt: skip


# Files that hold members' words, by where the parts that write them put them: exports of all communities, since an
# export is named by its job, and the evidence of this one's incidents.
BUNDLES = ("evidence-*.zip", "personal-*.zip", "incident-{community}-*.zip")


@dataclass(frozen=True)
class Erased:
    """How many events lost their bodies, and where the record of it stands."""

    events: int
    seq: int


@transaction.atomic
def erase_member(*, community_id: int, member_id: int, by: str, now: datetime) -> Erased:
    """Erase what a member said and who they are; appends member.left for groups they are in, and member.erased.

    Uploaded files go after commit. Old row versions inside PostgreSQL's files go with VACUUM, backups with their
    rotation (docs/blackbox.md). Raises LookupError for an unknown member; a second time erases what came since.
    """
    wait_for_consumers(community_id)
    names = _names(community_id, member_id)
    about = _about(community_id, member_id, names)
    own = _blank(
        "community_id = %s AND member_id = %s AND kind <> ALL(%s) AND body IS NOT NULL",
        [community_id, member_id, list(WORDLESS)],
    )
    others = _blank("community_id = %s AND seq = ANY(%s) AND body IS NOT NULL", [community_id, about])
    left = _leave_groups(community_id, member_id, now)
    _blank_rows(community_id, member_id, [*own, *others], names)
    _forget_identity(community_id, member_id, now)
    _drop_uploads(community_id, member_id)
    _drop_bundles(community_id)
    body: dict[str, Any] = {"member": member_id, "events": len(own) + len(others), "by": by}
    if others:
        body["also"] = sorted(others)
    record = NewEvent(
        community_id, event_id("member.erased", community_id, member_id, now.isoformat()), "member.erased", now, body,
        member_id=None,
    )  # fmt: skip
    seq = log.append(raw_connection(), [*left, record], now=now)[-1].seq
    return Erased(len(own) + len(others), seq)


def _rows(sql: str, values: list[Any] | dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []


def wait_for_consumers(community_id: int) -> int:
    """Batches under way have read bodies that are about to go; nobody writes from them after this.

    Returns how far the slowest of them has heard.
    """
    heard = _rows(
        "SELECT seq FROM consumer_cursor WHERE community_id = %s ORDER BY consumer FOR UPDATE", [community_id]
    )
    return min((row[0] for row in heard), default=0)


def _names(community_id: int, member_id: int) -> list[str]:
    """Every name the member had; raises LookupError when there is no such member."""
    rows = _rows(
        "SELECT display_name FROM member WHERE community_id = %(c)s AND id = %(m)s UNION ALL"
        " SELECT display_name FROM identity WHERE community_id = %(c)s AND member_id = %(m)s UNION ALL"
        " SELECT nickname FROM membership WHERE community_id = %(c)s AND member_id = %(m)s UNION ALL"
        " SELECT nickname FROM local_occupant WHERE community_id = %(c)s AND member_id = %(m)s UNION ALL"
        " (SELECT DISTINCT body->>'nickname' FROM event WHERE community_id = %(c)s AND member_id = %(m)s"
        "  AND body IS NOT NULL)",
        {"c": community_id, "m": member_id},
    )
    if not rows:
        raise LookupError(f"no member {member_id} in community {community_id}")
    return sorted({name for (name,) in rows if name and name != ERASED}, key=len, reverse=True)


def _about(community_id: int, member_id: int, names: list[str]) -> list[int]:
    """Seqs of others' events that speak of the member: by reference, or by name in the product's words."""
    rows = _rows(
        "WITH own AS (SELECT seq FROM event WHERE community_id = %(c)s AND member_id = %(m)s),"
        " done AS (SELECT id::text FROM effect WHERE community_id = %(c)s AND member_id = %(m)s),"
        ' cases AS (SELECT id FROM "case" WHERE community_id = %(c)s AND member_id = %(m)s)'
        " SELECT seq FROM event e WHERE community_id = %(c)s AND body IS NOT NULL AND member_id IS DISTINCT FROM %(m)s"
        " AND kind <> 'member.erased' AND (kind <> ALL(%(spoken)s) OR body->>'target' = %(m)s::text) AND ("
        "  body->>'to' = %(m)s::text OR (kind <> 'message.recalled' AND body->>'target' = %(m)s::text)"
        "  OR body->>'member' = %(m)s::text OR body->>'effect' IN (SELECT id FROM done)"
        "  OR (kind LIKE 'case.%%' AND (body->>'case')::bigint IN (SELECT id FROM cases))"
        "  OR (kind IN ('effect.done', 'report.filed', 'decision.made')"
        "      AND (body->>'cause_seq')::bigint IN (SELECT seq FROM own))"
        "  OR (kind = ANY(%(product)s) AND EXISTS (SELECT 1 FROM unnest(%(names)s::text[]) n"
        "      WHERE position(to_json(n)::text IN body::text) > 0 OR position(n IN body->>'text') > 0"
        "      OR position(n IN body->>'title') > 0 OR position(n IN body->>'detail') > 0"
        "      OR position(n IN body->>'note') > 0)))",
        {
            "c": community_id, "m": member_id, "names": [n for n in names if len(n) > 1],
            "spoken": ["message.posted", "command.posted", "staff.changed"],
            "product": [
                "message.sent", "case.opened", "case.assigned", "case.proposed", "case.decided", "effect.done",
                "incident.step",
            ],
        },
    )  # fmt: skip
    return [row[0] for row in rows]


def _blank(where: str, values: list[Any]) -> list[int]:
    return [r[0] for r in _rows(f"UPDATE event SET body = NULL, salt = NULL WHERE {where} RETURNING seq", values)]


def _leave_groups(community_id: int, member_id: int, now: datetime) -> list[NewEvent]:
    """The member is out of every group: the platform's seats go, the log says so."""
    present = _rows(
        "SELECT group_id FROM membership WHERE community_id = %s AND member_id = %s"
        " AND state NOT IN ('left', 'removed') ORDER BY group_id",
        [community_id, member_id],
    )
    _rows("DELETE FROM local_occupant WHERE community_id = %s AND member_id = %s", [community_id, member_id])
    return [
        NewEvent(
            community_id, event_id("erased.left", community_id, group_id, member_id, now.isoformat()), "member.left",
            now, {}, group_id, member_id,
        )
        for (group_id,) in present
    ]  # fmt: skip


def _blank_rows(community_id: int, member_id: int, seqs: list[int], names: list[str]) -> None:
    """Tables besides the log: rows of the member, then every mention of a name or an erased event."""
    _rows("UPDATE membership SET nickname = '' WHERE community_id = %s AND member_id = %s", [community_id, member_id])
    subjects = [f"m:{member_id}", f"h:m:{member_id}"]
    _rows("DELETE FROM engine_state WHERE community_id = %s AND subject = ANY(%s)", [community_id, subjects])
    # What texts are recognised by is made of their words.
    _rows("DELETE FROM quality_gram WHERE community_id = %s AND member_id = %s", [community_id, member_id])
    for table, where in (
        ("decision", "member_id = %(m)s OR seq = ANY(%(s)s)"),
        ("penalty", "member_id = %(m)s OR seq = ANY(%(s)s)"),
        ("report", "reporter_id = %(m)s OR target_id = %(m)s"),
        ("clearance", "member_id = %(m)s"),
        ("leave_taken", "member_id = %(m)s"),
        ("observation", "member_id = %(m)s"),
        ("appeal", "member_id = %(m)s"),
        ("mall_order", "member_id = %(m)s"),
        ("effect", "member_id = %(m)s OR cause_seq = ANY(%(s)s)"),
        ("case", "member_id = %(m)s OR event_seq = ANY(%(s)s)"),
        ("poisoned_event", "seq = ANY(%(s)s)"),
    ):
        _scrub(table, f"({where}) AND community_id = %(c)s", {"c": community_id, "m": member_id, "s": seqs})
    for table, column in (("case_note", "text"), ("case_proposal", "note")):
        _rows(
            f"UPDATE {table} SET {column} = %s WHERE {column} <> '' AND case_id IN (SELECT id FROM \"case\""
            " WHERE community_id = %s AND (member_id = %s OR event_seq = ANY(%s)))",
            [ERASED, community_id, member_id, seqs],
        )
    long_names = [re.escape(n) for n in names if len(n) > 1]
    if long_names:
        for table in (
            "audit_entry", "case", "case_note", "case_proposal", "ledger_transaction", "effect", "console_job",
            "console_saved_view", "community_group", "local_room", "incident_step",
        ):  # fmt: skip
            _replace(table, community_id, "|".join(long_names))
    _drop_cards(community_id, member_id)
    _rows("UPDATE consumer_cursor SET last_error = '' WHERE community_id = %s", [community_id])


def _drop_cards(community_id: int, member_id: int) -> None:
    """Result cards of debates that show the member's words and name, where they were posted too."""
    cards = _rows(
        "DELETE FROM debate_card c USING debate d, debate_argument a WHERE c.community_id = %s AND a.member_id = %s"
        " AND d.community_id = c.community_id AND d.number = c.debate AND a.community_id = c.community_id"
        " AND a.debate = c.debate AND a.n = (d.result->>'best')::int RETURNING c.sha256",
        [community_id, member_id],
    )
    digests = {row[0] for row in cards}
    _rows("DELETE FROM local_upload WHERE member_id = 0 AND sha256 = ANY(%s)", [list(digests)])
    drop_files(digests)


_TEXTS = {
    "decision": (("sentence",), ("facts", "effects")),
    "penalty": (("sentence",), ()),
    "report": (("reason",), ()),
    "clearance": (("text", "reason"), ("links", "images")),
    "leave_taken": (("reason",), ()),
    "observation": (("note",), ()),
    "appeal": (("words", "answer"), ()),
    "mall_order": (
        ("recipient", "phone", "address", "words", "delivery", "carrier", "tracking", "reason"),
        (),
    ),
    "effect": (("last_error",), ("payload", "detail")),
    "case": (("title", "summary", "note"), ("payload",)),
    "poisoned_event": (("error",), ()),
    "audit_entry": (("target",), ("detail",)),
    "case_note": (("text",), ()),
    "case_proposal": (("note",), ()),
    "ledger_transaction": (("memo",), ()),
    "console_job": (("error", "file"), ("params", "result")),
    "console_saved_view": (("name",), ()),
    "community_group": (("announcement",), ()),
    "local_room": (("announcement",), ()),
    "incident_step": (("detail",), ()),
}


def _scrub(table: str, where: str, values: dict[str, Any]) -> None:
    """Blank the text columns of rows, and every string inside their JSON that is not a word of the machine."""
    texts, documents = _TEXTS[table]
    columns = ", ".join(f"{c} = CASE WHEN {c} = '' THEN '' ELSE '{ERASED}' END" for c in texts)
    _rows(f'UPDATE "{table}" SET {columns} WHERE {where}', values)
    for column in documents:
        keys = [row[0] for row in _rows(f'SELECT ctid::text FROM "{table}" WHERE {where} FOR UPDATE', values)]
        for key in keys:
            ((document,),) = _rows(f'SELECT {column}::text FROM "{table}" WHERE ctid = %s::tid', [key])
            clean = msgspec.json.encode(_clean(msgspec.json.decode(document))).decode()
            _rows(f'UPDATE "{table}" SET {column} = %s::jsonb WHERE ctid = %s::tid', [clean, key])


def _clean(value: Any, key: str = "") -> Any:
    """The document without its words; an emptied text stays a text, so that a pending act can still be done."""
    if isinstance(value, dict):
        return {k: _clean(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(v, key) for v in value]
    if isinstance(value, str) and value:
        return value if key in _KEPT_KEYS else ERASED
    return value


def _replace(table: str, community_id: int, pattern: str) -> None:
    """Put a blank in the place of the member's names wherever they stand in a table of staff's words."""
    texts, documents = _TEXTS[table]
    for column in (*texts, *documents):
        cast = "jsonb" if column in documents else "text"
        _rows(
            f"UPDATE \"{table}\" SET {column} = regexp_replace({column}::text, %s, %s, 'g')::{cast}"
            f" WHERE community_id = %s AND {column}::text ~ %s",
            [pattern, ERASED, community_id, pattern],
        )


def _forget_identity(community_id: int, member_id: int, now: datetime) -> None:
    _rows("DELETE FROM identity WHERE community_id = %s AND member_id = %s", [community_id, member_id])
    _rows(
        "UPDATE member SET display_name = %s, tags = '[]', note = '', erased_at = %s"
        " WHERE community_id = %s AND id = %s",
        [ERASED, now, community_id, member_id],
    )


def _drop_uploads(community_id: int, member_id: int) -> None:
    rows = _rows(
        # Pictures that the product drew (member 0) show names of the honoured: they go with any one of these.
        "DELETE FROM local_upload WHERE community_id = %(c)s AND (member_id = %(m)s OR member_id = 0 AND EXISTS"
        " (SELECT 1 FROM honour_place WHERE community_id = %(c)s AND member_id = %(m)s)) RETURNING sha256",
        {"c": community_id, "m": member_id},
    )
    drop_files({row[0] for row in rows})


def _drop_bundles(community_id: int) -> None:
    """Delete, after commit, bundles that were written before: they may hold the words. They can be written anew."""
    place = Path(settings.HOME) / "jobs"
    files = [f for pattern in BUNDLES for f in place.glob(pattern.format(community=community_id))]
    transaction.on_commit(lambda: _remove(files))


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def erased_since(community_id: int, at: datetime) -> bool:
    """Whether contents went out of the log after `at`: a file made before may still hold them."""
    found = _rows(
        "SELECT EXISTS (SELECT FROM event WHERE community_id = %s AND kind IN ('member.erased', 'messages.expired')"
        " AND received_at > %s)",
        [community_id, at],
    )
    return bool(found[0][0])


def drop_files(digests: set[str]) -> None:
    """Delete, after commit, the files of uploads whose rows are gone, but for those that somebody else uploaded too."""
    shared = {row[0] for row in _rows("SELECT sha256 FROM local_upload WHERE sha256 = ANY(%s)", [list(digests)])}
    alone = sorted(digests - shared)
    transaction.on_commit(lambda: _unlink(alone))


def _unlink(digests: Iterable[str]) -> None:
    for digest in digests:
        (Path(settings.HOME) / "uploads" / digest[:2] / digest).unlink(missing_ok=True)
