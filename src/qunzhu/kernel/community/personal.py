"""Everything that the product knows about one person, in one file: to read, and as JSON (privacy law).

Rows of every table that names the member are taken, whatever chapter keeps it, so that a new chapter is in from its
first day. What is left out is other people: who reported, who decided, what staff wrote to each other.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from zoneinfo import ZoneInfo

import psycopg
from django.conf import settings
from django.template.loader import render_to_string
from psycopg import sql

from qunzhu.kernel.community.models import Community, Member
from qunzhu.kernel.events.runner import raw_connection

SHOWN_MESSAGES = 2_000  # on the page; data.json has all
_ROWS = 1_000
# Tables that name the member but hold the work of others, or what cannot be read.
_LEFT_OUT = frozenset(
    {"event", "engine_state", "local_upload", "local_occupant", "case_note", "case_proposal", "quality_gram"}
)
_OTHERS = frozenset({
    "assigned_to", "decided_by", "first_decider", "by", "proposed_by", "reversed_by", "requested_by", "last_error",
    "note", "payload",
    "reporter_id", "user_id", "idempotency_key", "escalate_at", "handled_by", "asked", "version", "last_seq",
    "asked_by", "judged_by", "buddy_id",
})  # fmt: skip
# Of a member's events: who else was concerned, and marks of the machine.
_BODY_OTHERS = frozenset(
    {"by", "reporter", "assigned_to", "note", "facts", "asked_by", "first_decider", "proposed_by", "buddy"}
)
_TITLES = {
    "member": "基本资料",
    "identity": "平台身份",
    "membership": "所在的群",
    "penalty": "处罚",
    "appeal": "我的申诉",
    "rule_verdict": "管理员对这些决定的复核",
    "decision": "规则的决定",
    "incident_invitation": "新群的邀请",
    "check_in": "签到",
    "challenge_entry": "打卡挑战",
    "challenge_proof": "打卡记录",
    "task_progress": "任务进度",
    "task_ground": "计入任务的消息",
    "task_newcomer": "新人之路",
    "honour_week": "每周贡献",
    "honour_place": "上榜记录",
    "honour_count": "徽章计数",
    "honour_badge": "徽章",
    "honour_penalty": "影响周榜的处罚",
    "mall_order": "积分商城的订单",
    "message_score": "我的消息的质量分",
    "quality_support": "我引用过的消息",
    "active_day": "活跃的小时",
    "member_level": "等级",
    "level_figure": "等级的计算",
    "red_packet_share": "抢到的红包",
    "debate_side": "辩论选择的一方",
    "debate_argument": "辩论的论点",
    "debate_vote": "辩论的投票",
    "poll_vote": "投票",
    "account": "积分余额",
    "posting": "积分变动",
    "case": "与我有关的工单",
    "effect": "系统对我做的事",
    "staff": "运营职务",
    "member_day": "每日统计",
    "report": "我提交的举报",
}


@dataclass
class Personal:
    """What the file holds. `tables`: name → rows; `files`: archive name → file on disk."""

    community: Community
    member: Member
    made_at: datetime
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    messages: int = 0


def _silent(done: int, total: int) -> None:
    """Nobody watches."""


def write_personal(
    out: IO[bytes],
    *,
    community_id: int,
    member_id: int,
    now: datetime,
    progress: Callable[[int, int], None] = _silent,
) -> Personal:
    """Write the ZIP. Raises Member.DoesNotExist for an unknown or erased member."""
    member = Member.objects.select_related("community").get(community_id=community_id, pk=member_id, erased_at=None)
    found = Personal(member.community, member, now.astimezone(ZoneInfo(member.community.timezone)))
    conn = raw_connection()
    found.tables["member"] = _select(conn, "member", "id", community_id, member_id)
    for table, column in _tables_of(conn):
        if rows := _select(conn, table, column, community_id, member_id):
            found.tables[table] = rows
    found.files = _pictures(conn, community_id, member_id)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, TemporaryFile() as spool:
        shown = _spool_events(conn, found, spool, progress)
        archive.writestr("index.html", render_to_string("community/personal.html", _context(found, shown)))
        with archive.open("data.json", "w", force_zip64=True) as data:
            head = {"member": member_id, "community": member.community.name, "made_at": now.isoformat()}
            data.write(json.dumps({**head, "tables": found.tables}, ensure_ascii=False, default=str).encode()[:-1])
            data.write(b', "events": [\n')
            spool.seek(0)
            while part := spool.read(1 << 20):
                data.write(part)
            data.write(b"]}\n")
        for name, path in found.files.items():
            archive.write(path, name)
    return found


def _tables_of(conn: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """(table, column that names the member) of every table of a community that does: reports by who filed them.

    `owner` is how the ledger names a member ("m:17").
    """
    rows = conn.execute(
        "SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.columns k"
        " USING (table_schema, table_name) JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE c.table_schema = current_schema() AND k.column_name = 'community_id' AND t.table_type = 'BASE TABLE'"
        " AND c.column_name IN ('member_id', 'reporter_id', 'owner') ORDER BY 1"
    )
    return [(table, column) for table, column in rows.fetchall() if table not in _LEFT_OUT]


def _select(
    conn: psycopg.Connection[Any], table: str, column: str, community_id: int, member_id: int
) -> list[dict[str, Any]]:
    query = sql.SQL("SELECT to_jsonb(t)::text FROM {} t WHERE community_id = %s AND {} = %s ORDER BY t::text").format(
        sql.Identifier(table), sql.Identifier(column)
    )
    named = f"m:{member_id}" if column == "owner" else member_id
    rows = psycopg.Cursor(conn).execute(query, [community_id, named]).fetchall()
    return [{k: v for k, v in json.loads(row[0]).items() if k not in _OTHERS} for row in rows]


def _pictures(conn: psycopg.Connection[Any], community_id: int, member_id: int) -> dict[str, Path]:
    rows = psycopg.Cursor(conn).execute(
        "SELECT sha256, media_type FROM local_upload WHERE community_id = %s AND member_id = %s ORDER BY at",
        [community_id, member_id],
    )
    places = {
        f"pictures/{sha256}.{media.partition('/')[2].replace('jpeg', 'jpg')}": Path(settings.HOME)
        / "uploads"
        / sha256[:2]
        / sha256
        for sha256, media in rows.fetchall()
    }
    return {name: path for name, path in places.items() if path.is_file()}


def _events(conn: psycopg.Connection[Any], community_id: int, member_id: int) -> Iterator[dict[str, Any]]:
    """The member's own events, oldest first; a stretch at a time."""
    after = 0
    while True:
        rows = psycopg.Cursor(conn).execute(
            "SELECT seq, kind, group_id, occurred_at, body FROM event WHERE community_id = %s AND member_id = %s"
            " AND seq > %s ORDER BY seq LIMIT %s",
            [community_id, member_id, after, _ROWS],
        ).fetchall()  # fmt: skip
        for seq, kind, group_id, occurred_at, body in rows:
            known = body if isinstance(body, dict) else json.loads(body) if body is not None else None
            said = {k: v for k, v in known.items() if k not in _BODY_OTHERS} if known is not None else None
            yield {"seq": seq, "kind": kind, "group": group_id, "at": occurred_at.astimezone(UTC), "body": said}
        if len(rows) < _ROWS:
            return
        after = rows[-1][0]


def _spool_events(
    conn: psycopg.Connection[Any], found: Personal, spool: IO[bytes], progress: Callable[[int, int], None]
) -> list[dict[str, Any]]:
    """Write all events as JSON to `spool`; returns those that the page shows."""
    ((total,),) = psycopg.Cursor(conn).execute(
        "SELECT count(*) FROM event WHERE community_id = %s AND member_id = %s", [found.community.pk, found.member.pk]
    ).fetchall()  # fmt: skip
    shown: list[dict[str, Any]] = []
    zone = ZoneInfo(found.community.timezone)
    for number, event in enumerate(_events(conn, found.community.pk, found.member.pk)):
        progress(number, total)
        line = json.dumps({**event, "at": event["at"].isoformat()}, ensure_ascii=False)
        spool.write((",\n" if number else "").encode() + line.encode())
        if event["kind"] in {"message.posted", "command.posted"}:
            found.messages += 1
            if len(shown) < SHOWN_MESSAGES:
                shown.append({**event, "at": event["at"].astimezone(zone)})
    return shown


def _context(found: Personal, shown: list[dict[str, Any]]) -> dict[str, Any]:
    sections = [
        {
            "title": _TITLES.get(name, name),
            "table": name,
            "columns": list(rows[0]),
            "rows": [list(row.values()) for row in rows[:SHOWN_MESSAGES]],
            "total": len(rows),
        }
        for name, rows in found.tables.items()
    ]
    return {"found": found, "sections": sections, "messages": shown, "pictures": sorted(found.files)}
