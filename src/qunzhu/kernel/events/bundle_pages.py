"""The pages of a bundle that a person reads: who, what, when, day by day; printable, without any script."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from django.conf import settings
from django.template.loader import render_to_string

from qunzhu.kernel.cases.kinds import KINDS as CASES
from qunzhu.kernel.connectors.local.client import spoken_time
from qunzhu.kernel.effects.details import put_into_words
from qunzhu.kernel.events.schema import KINDS

PAGE_EVENTS = 1_000
_EXTENSION = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_WORDS = {
    "message.posted": "发言", "command.posted": "命令", "message.sent": "系统发言", "message.recalled": "消息被撤回",
    "member.joined": "入群", "member.left": "退群", "member.removed": "被移出群", "member.muted": "被禁言",
    "member.unmuted": "解除禁言", "member.renamed": "改昵称", "group.created": "建群", "group.announced": "群公告",
    "group.frozen": "群被冻结", "group.unfrozen": "群解冻", "report.filed": "举报", "report.upheld": "举报属实",
    "report.dismissed": "举报不属实", "report.overturned": "举报推翻", "decision.made": "规则决定",
    "penalty.given": "人工处罚", "penalty.reversed": "处罚撤销", "appeal.filed": "提出申诉",
    "appeal.upheld": "申诉成立",
    "appeal.rejected": "申诉不成立", "member.readmitted": "可以重新入群",
    "effect.done": "动作结束", "case.opened": "工单开立", "case.assigned": "工单交接", "case.escalated": "工单升级",
    "case.merged": "工单合并", "case.reopened": "决定撤销", "case.proposed": "提议", "case.withdrawn": "提议结束",
    "case.decided": "工单处理", "checkin.done": "签到", "points.posted": "积分变动",
    "points.capped": "积分达到今日上限", "rulebook.published": "群规发布",
    "keywords.changed": "关键词变更", "staff.changed": "运营人员变更", "clearance.granted": "报备通过",
    "clearance.ended": "报备结束", "import.finished": "导入完成", "member.erased": "成员内容被抹除",
}  # fmt: skip
_VALUES = {
    "kind": {
        "warn": "警告", "mute": "禁言", "unmute": "解除禁言", "remove": "移出", "recall": "撤回消息", "say": "发言",
        "answer": "回复", "announce": "群公告", "freeze": "冻结群", "unfreeze": "解冻群",
        "readmit": "请回群",
        "close": "关闭群", "reopen": "重新开放群",
    },
    "result": {
        "done": "已执行", "emulated": "变通执行", "task_created": "待人工执行", "unsupported": "平台不支持",
        "failed": "失败",
    },
    "why": {
        "late": "超过处理期限", "untaken": "没有人接", "withdrawn": "撤回", "refused": "同事不同意", "expired": "过期",
        "void": "提议人已没有权限", "overruled": "作了别的处理",
    },
}  # fmt: skip
# What is read of a body, in this order; the whole of it stands in events.jsonl.
_SAID = (
    "sentence",
    "title",
    "text",
    "reason",
    "words",
    "answer",
    "action",
    "kind",
    "result",
    "detail",
    "note",
    "memo",
    "by",
    "why",
)


@dataclass(frozen=True)
class Picture:
    """A picture of a chosen message. `sealed`: its digest stands in the message's sealed body."""

    sha256: str
    extension: str
    sealed: bool

    @property
    def name(self) -> str:
        return f"pictures/{self.sha256}.{self.extension}"

    @property
    def path(self) -> Path:
        return Path(settings.HOME) / "uploads" / self.sha256[:2] / self.sha256


@dataclass
class Story:
    """What the pages tell besides the events themselves. Names of people and groups are those of today."""

    about: str
    community: str
    zone: str
    by: str
    made_at: datetime
    total: int
    first: datetime
    last: datetime
    without_gaps: bool
    kinds: list[tuple[str, int]]
    people: dict[int, str]
    groups: dict[int, str]
    uploads: dict[str, tuple[str, str]] = field(default_factory=dict)  # upload → (sha256, media type)
    fingerprint: str = ""

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_EVENTS))

    def page_name(self, number: int) -> str:
        """The file of page `number`, counted from 1."""
        return "index.html" if number == 1 else f"pages/{number}.html"

    def without_pictures(self) -> None:
        """Show no pictures: the bundle has no room for them."""
        self.uploads = {}

    def picture_of(self, event: dict[str, Any]) -> Picture | None:
        """The picture that the event posted, if it is still there."""
        body = _body(event)
        image = body.get("image")
        found = self.uploads.get(str(image.get("upload"))) if isinstance(image, dict) else None
        if found is None or not isinstance(image, dict):
            return None
        sha256, media_type = found
        picture = Picture(sha256, _EXTENSION.get(media_type, "png"), image.get("sha256") == sha256)
        return picture if picture.path.is_file() else None

    def render(self, number: int, events: Sequence[dict[str, Any]], *, whole: bool = False) -> Iterator[str]:
        """Page `number` with its events; `whole`: all pages are one document."""
        links = [] if whole else [(n, self.page_name(n)) for n in range(1, self.pages + 1)]
        up = "../" if number > 1 and not whole else ""
        context = {"story": self, "number": number, "links": links, "up": up}
        if number == 1 or not whole:
            yield render_to_string("events/bundle_head.html", context)
        rows = [self._row(event) for event in events]
        yield render_to_string("events/bundle_rows.html", {**context, "rows": rows})
        if number == self.pages or not whole:
            yield render_to_string("events/bundle_tail.html", context)

    def _word(self, event_kind: str, name: str, body: dict[str, Any], at: datetime) -> str:
        if name == "detail" and isinstance(body[name], dict):  # earlier versions wrote the sentence itself
            return put_into_words(body[name], translate=str, time=lambda moment: spoken_time(moment, at, self.zone))
        return _word(event_kind, name, body)

    def _row(self, event: dict[str, Any]) -> dict[str, Any]:
        at = datetime.fromisoformat(event["occurred_at"]).astimezone(ZoneInfo(self.zone))
        body, member, group = _body(event), event["member_id"], event["group_id"]
        known = self.people.get(member, f"成员 {member}") if member is not None else ""
        return {
            "seq": event["seq"], "day": at.date(), "time": at.time(), "kind": _WORDS.get(event["kind"], event["kind"]),
            "english": KINDS.get(event["kind"], ""), "who": str(body.get("nickname") or known), "member": member,
            "group": self.groups.get(group, f"群 {group}") if group is not None else "",
            "erased": event["body"] is None,
            "said": [self._word(event["kind"], name, body, at) for name in _SAID if body.get(name) not in (None, "")],
            "picture": self.picture_of(event), "had_picture": isinstance(body.get("image"), dict),
            "historic": event["historic"], "digest": event["digest"], "block": event["block"],
        }  # fmt: skip


def read_story(
    conn: psycopg.Connection[Any], community_id: int, seqs: list[int], *, about: str, by: str, now: datetime
) -> Story:
    """The names, counts and pictures that the chosen events need, and no others; a handful of queries."""
    run = psycopg.Cursor(conn).execute
    values = {"c": community_id, "s": seqs}
    chosen = "FROM event WHERE community_id = %(c)s AND seq = ANY(%(s)s)"
    (community, zone) = run("SELECT name, timezone FROM community WHERE id = %(c)s", values).fetchall()[0]
    kinds = run(f"SELECT kind, count(*) {chosen} GROUP BY 1 ORDER BY 2 DESC, 1", values).fetchall()
    ((first, last),) = run(f"SELECT min(occurred_at), max(occurred_at) {chosen}", values).fetchall()
    people = run(f"SELECT id, display_name FROM member WHERE id IN (SELECT member_id {chosen})", values).fetchall()
    groups = run(f"SELECT id, name FROM community_group WHERE id IN (SELECT group_id {chosen})", values).fetchall()
    uploads = run(
        "SELECT u.id::text, u.sha256, u.media_type FROM local_upload u WHERE u.community_id = %(c)s AND u.id IN"
        f" (SELECT (body->'image'->>'upload')::uuid {chosen} AND kind IN ('message.posted', 'command.posted')"
        " AND body->'image'->>'upload' IS NOT NULL)",
        values,
    ).fetchall()
    zoned = ZoneInfo(zone)
    return Story(
        about=about, community=community, zone=zone, by=by, made_at=now.astimezone(zoned), total=len(seqs),
        first=first.astimezone(zoned), last=last.astimezone(zoned), without_gaps=seqs[-1] - seqs[0] + 1 == len(seqs),
        kinds=[(_WORDS.get(kind, kind), count) for kind, count in kinds], people=dict(people), groups=dict(groups),
        uploads={upload: (sha256, media) for upload, sha256, media in uploads},
    )  # fmt: skip


def _body(event: dict[str, Any]) -> dict[str, Any]:
    return json.loads(event["body"]) if event["body"] is not None else {}


def _word(event_kind: str, name: str, body: dict[str, Any]) -> str:
    """The value of a field as people call it."""
    value = str(body[name])
    if event_kind.startswith("case."):
        known = CASES.get(str(body.get("kind")))
        button = known.action(value) if known and name == "action" else None
        return button.label if button else known.title if known and name == "kind" else _VALUES["why"].get(value, value)
    return _VALUES.get(name, {}).get(value, value)
