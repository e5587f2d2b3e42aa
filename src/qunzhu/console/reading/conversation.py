"""Messages around an event, as the group saw them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

_SPOKEN = ("message.posted", "command.posted", "message.sent", "report.filed")
_COLUMNS = "seq, kind, member_id, occurred_at, body::text"


@dataclass(frozen=True)
class Line:
    """One message. `marked`: it is evidence; `centre`: the event judged; `erased`: its content was erased by law."""

    seq: int
    kind: str
    member_id: int | None
    at: datetime
    name: str
    text: str
    image: str
    marked: bool
    centre: bool
    erased: bool
    target: int | None = None  # whom a report is about


def around(
    community_id: int, group_id: int | None, seq: int | None, *, evidence: Collection[int] = (), reach: int = 10
) -> list[Line]:
    """Up to `reach` messages before and after `seq` in its group, and the evidence itself: index ranges, one query."""
    if group_id is None or seq is None:
        return []
    sql = f"""
        (SELECT {_COLUMNS} FROM event WHERE community_id = %(c)s AND group_id = %(g)s AND seq <= %(s)s
            AND kind = ANY(%(k)s) ORDER BY seq DESC LIMIT %(n)s + 1)
        UNION (SELECT {_COLUMNS} FROM event WHERE community_id = %(c)s AND group_id = %(g)s AND seq > %(s)s
            AND kind = ANY(%(k)s) ORDER BY seq LIMIT %(n)s)
        UNION (SELECT {_COLUMNS} FROM event WHERE community_id = %(c)s AND seq = ANY(%(e)s) AND kind = ANY(%(k)s))
        ORDER BY seq"""
    values: dict[str, Any] = {
        "c": community_id,
        "g": group_id,
        "s": seq,
        "k": list(_SPOKEN),
        "n": reach,
        "e": sorted(evidence)[-100:],
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall()
    return [_line(row, frozenset(evidence), seq) for row in rows]


def _line(row: tuple[Any, ...], evidence: frozenset[int], centre: int) -> Line:
    seq, kind, member_id, at, raw = row
    body = msgspec.json.decode(raw, type=dict[str, Any]) if raw else {}
    image = body.get("image")
    return Line(
        seq=seq, kind=kind, member_id=member_id, at=at,
        name=str(body.get("nickname") or ""), text=str(body.get("reason" if kind == "report.filed" else "text") or ""),
        image=str(image.get("upload", "")) if isinstance(image, dict) else "",
        marked=seq in evidence or seq == centre, centre=seq == centre, erased=raw is None,
        target=body.get("target") if kind == "report.filed" else None,
    )  # fmt: skip
