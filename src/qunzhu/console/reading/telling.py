"""Events as sentences: who, what, and what was said. No HTML here; templates print the parts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from qunzhu.console.reading.effect_words import came_of_it
from qunzhu.console.reading.incident_words import said_of_step
from qunzhu.console.reading.telling_kinds import KINDS
from qunzhu.kernel.effects.consumer import PLATFORM
from qunzhu.kernel.events.schema import Event
from qunzhu.ui import formats

LEVELS: dict[str, Promise] = {
    "notice": lazy("提醒"), "yellow": lazy("黄色"), "orange": lazy("橙色"), "red": lazy("红色"),
}  # fmt: skip
OUTCOMES: dict[str, Promise] = {
    "live": lazy("生效"),
    "shadow": lazy("试运行"),
    "yielded": lazy("让位给更重的"),
    "exempt": lazy("运营人员豁免"),
    "cleared": lazy("已报备"),
    "historic": lazy("历史导入"),
}
RESULTS: dict[str, Promise] = {
    "done": lazy("已执行"),
    "emulated": lazy("变通执行"),
    "task_created": lazy("待人工执行"),
    "unsupported": lazy("平台不支持"),
    "failed": lazy("失败"),
}
EFFECTS: dict[str, Promise] = {
    "warn": lazy("警告"), "say": lazy("发言"), "answer": lazy("回复"), "mute": lazy("禁言"), "unmute": lazy("解除禁言"),
    "remove": lazy("移出群"), "move": lazy("移到另一个群"), "recall": lazy("撤回消息"), "announce": lazy("发布群公告"),
    "freeze": lazy("冻结群"), "unfreeze": lazy("解除冻结"), "readmit": lazy("请回群"), "close": lazy("关闭群"),
    "reopen": lazy("重新开放群"),
}  # fmt: skip
UNTOLD = lazy("其他")


@dataclass(frozen=True)
class Row:
    """An event told. `said`: words of people, to be shown as they are; `about`: what the product adds."""

    seq: int
    kind: str
    at: datetime
    icon: str
    what: str
    member_id: int | None
    who: str
    group_id: int | None
    group: str
    said: str
    about: str
    level: str
    outcome: str
    historic: bool
    erased: bool


def tell(
    events: Iterable[Event],
    *,
    names: Mapping[int, str],
    groups: Mapping[int, str],
    zone: str,
    now: datetime,
    language: str,
    erased: frozenset[int] = frozenset(),
) -> list[Row]:
    """Rows for `events`, in their order."""
    return [_row(e, names, groups, _Told(zone, now, language, names), erased) for e in events]


def people_in(events: Iterable[Event]) -> set[int]:
    """Every member that a row of `events` may name."""
    found: set[int] = set()
    for event in events:
        for value in (event.member_id, event.body.get("target"), event.body.get("to")):
            if isinstance(value, int) and value:
                found.add(value)
    return found


@dataclass(frozen=True)
class _Told:
    zone: str
    now: datetime
    language: str
    names: Mapping[int, str]

    def time(self, raw: object) -> str:
        """An ISO time of a body, as people say it; "" where it is none."""
        try:
            return formats.when(datetime.fromisoformat(str(raw)), self.now, self.zone, self.language)
        except ValueError:
            return ""

    def name(self, member_id: object) -> str:
        known = self.names.get(member_id) if isinstance(member_id, int) else None
        return known or _("成员 %(id)s") % {"id": member_id}


def _row(event: Event, names: Mapping[int, str], groups: Mapping[int, str], told: _Told, erased: frozenset[int]) -> Row:
    icon, what = KINDS.get(event.kind, ("circle", UNTOLD))
    body = event.body
    said = str(body.get("text") or "") if event.kind in _SPOKEN else ""
    if body.get("type") == "image" and not said:
        said = _("[图片]")
    decided = event.kind == "decision.made"
    return Row(
        seq=event.seq, kind=event.kind, at=event.occurred_at, icon=icon, what=str(what), member_id=event.member_id,
        who=_who(event, names), group_id=event.group_id, group=groups.get(event.group_id or 0, ""), said=said,
        about=_about(event, told), level=str(body.get("level") or "") if decided else "",
        outcome=str(OUTCOMES.get(str(body.get("outcome")), "")) if decided else "", historic=event.historic,
        erased=event.seq in erased,
    )  # fmt: skip


_SPOKEN = frozenset({"message.posted", "command.posted", "message.sent", "group.announced"})


def _who(event: Event, names: Mapping[int, str]) -> str:
    """The member's name today, else the one the event carries."""
    if event.member_id is None:
        return ""
    carried = str(event.body.get("nickname") or "")
    return names.get(event.member_id) or carried or _("成员 %(id)s") % {"id": event.member_id}


def _about(event: Event, told: _Told) -> str:
    writer = _ABOUT.get(event.kind)
    return writer(event.body, told) if writer and event.body else ""


def _by(body: dict[str, Any], told: _Told) -> str:
    by = str(body.get("by") or "")
    role, _sep, member = by.partition(":")
    if by in {"qunzhu", "rule"}:
        return _("由系统")
    if by == "blueprint":
        return _("由蓝图")
    if by == "import":
        return _("来自导入的记录")
    if member.isdigit():
        return _("由 %(name)s") % {"name": told.name(int(member))}
    return (
        _("由 %(name)s") % {"name": {"member": _("本人"), "staff": _("管理员"), PLATFORM: _("平台通知")}.get(role, by)}
        if by
        else ""
    )


def _muted(body: dict[str, Any], told: _Told) -> str:
    until = told.time(body.get("until"))
    return " · ".join(p for p in (_("到 %(time)s") % {"time": until} if until else "", _by(body, told)) if p)


def _recalled(body: dict[str, Any], told: _Told) -> str:
    return " · ".join(p for p in (_("消息 #%(seq)s") % {"seq": body.get("target")}, _by(body, told)) if p)


def _led(body: dict[str, Any], _told: _Told) -> str:
    reasons = {
        "inside": _("指向内部地址,没有去看"), "unreachable": _("打不开"), "too_many": _("跳转太多"),
        "no_redirect": _("没有跳转"), "bad": _("不是网址"),
    }  # fmt: skip
    return f"{body.get('link')} → {body.get('target') or reasons.get(str(body.get('why')), '')}"


def _quality(body: dict[str, Any], told: _Told) -> str:
    why = _("因为处罚或撤回") if body.get("why") == "punished" else _by(body, told)
    return " · ".join(p for p in (_("消息 #%(seq)s") % {"seq": body.get("message")}, why) if p)


def _effect(body: dict[str, Any], told: _Told) -> str:
    kind, result = str(body.get("kind")), str(body.get("result"))
    parts = [str(EFFECTS.get(kind, kind)), str(RESULTS.get(result, result))]
    parts.append(came_of_it(body.get("detail"), now=told.now, zone=told.zone))
    return " · ".join(p for p in parts if p)


def _points(body: dict[str, Any], _told: _Told) -> str:
    amount = body.get("amount")
    change = f"{amount:+d}" if isinstance(amount, int) else str(amount)
    said = _("%(change)s 积分,余额 %(balance)s") % {"change": change, "balance": body.get("balance", formats.DASH)}
    return f"{said} · {body['memo']}" if body.get("memo") else said


def _capped(body: dict[str, Any], _told: _Told) -> str:
    said = _("今日上限已满,%(wanted)s 积分没有发放") % {"wanted": body.get("wanted", formats.DASH)}
    return f"{said} · {body['memo']}" if body.get("memo") else said


def _keywords(body: dict[str, Any], _told: _Told) -> str:
    counts = {"added": len(body.get("added") or ()), "removed": len(body.get("removed") or ())}
    return _("新增 %(added)s 个,移除 %(removed)s 个") % counts


def _imported(body: dict[str, Any], told: _Told) -> str:
    numbers = {k: formats.number(body.get(k) or 0, told.language) for k in ("added", "duplicates", "rejected")}
    return _("新增 %(added)s 条,重复 %(duplicates)s 条,拒绝 %(rejected)s 条") % numbers


def _answered(body: dict[str, Any], told: _Told) -> str:
    return " · ".join(p for p in (_by(body, told), str(body.get("answer") or "")) if p)


def _report(body: dict[str, Any], told: _Told) -> str:
    target = _("举报 %(name)s") % {"name": told.name(body.get("target"))}
    return f"{target} · {body['reason']}" if body.get("reason") else target


def _window(body: dict[str, Any], told: _Told) -> str:
    until = told.time(body.get("until"))
    return " · ".join(p for p in (_("到 %(time)s") % {"time": until} if until else "", _by(body, told)) if p)


def _leave(body: dict[str, Any], _told: _Told) -> str:
    days = _("%(first)s 到 %(last)s") % {"first": body.get("first"), "last": body.get("last")}
    return f"{days} · {body['reason']}" if body.get("reason") else days


def _tagged(body: dict[str, Any], _told: _Told) -> str:
    return _("“%(tag)s”:连续 %(days)s 天没有互动") % {"tag": body.get("tag"), "days": body.get("days")}


def _decided(body: dict[str, Any], told: _Told) -> str:
    choices = {"keep": _("留下"), "leave": _("请假"), "move": _("移入观察群")}
    choice = choices.get(str(body.get("choice")), "")
    return " · ".join(p for p in (choice, _by(body, told), str(body.get("note") or "")) if p)


def _ran(body: dict[str, Any], told: _Told) -> str:
    numbers = {k: formats.number(body.get(k) or 0, told.language) for k in ("looked_at", "silent")}
    said = _("看了 %(looked_at)s 人,沉默 %(silent)s 人") % numbers
    return said + (" · " + _("超过上限,没有处理") if body.get("over_cap") else "")


_WHY_RAISED = {"late": lazy("超过处理期限"), "untaken": lazy("没有人接"), "reported": lazy("多人举报同一条消息")}


def _packet(body: dict[str, Any]) -> str:
    return _("%(n)s 积分,%(shares)s 份") % {"n": body.get("budget"), "shares": body.get("shares")}


def _order(body: dict[str, Any]) -> str:
    return _("订单 #%(order)s,商品 %(good)s") % {"order": body.get("order"), "good": body.get("good")}


_ABOUT: dict[str, Callable[[dict[str, Any], _Told], str]] = {
    "message.recalled": _recalled,
    "link.resolved": _led,
    "quality.marked": _quality,
    "quality.unmarked": _quality,
    "quality.denied": _quality,
    "level.changed": lambda b, _t: (
        _("%(from)s 级 → %(to)s 级,%(score)s 分")
        % {"from": b.get("from"), "to": b.get("level"), "score": b.get("score")}
    ),
    "level.warned": lambda b, _t: (
        _("%(level)s 级,%(until)s 前要补上来") % {"level": b.get("level"), "until": b.get("until")}
    ),
    "level.kept": lambda b, _t: _("%(level)s 级,%(score)s 分") % {"level": b.get("level"), "score": b.get("score")},
    "member.removed": _by,
    "member.muted": _muted,
    "member.unmuted": _by,
    "member.renamed": lambda b, _t: _("现在叫 %(name)s") % {"name": b.get("nickname")},
    "group.created": lambda b, _t: str(b.get("name") or ""),
    "group.frozen": _by,
    "group.unfrozen": _by,
    "group.closed": _by,
    "group.reopened": _by,
    "incident.started": lambda b, _t: str(_("演练")) if b.get("mode") == "drill" else "",
    "incident.step": lambda b, _t: " · ".join(
        p for p in (str(_("演练")) if b.get("drill") else "", said_of_step(str(b.get("detail") or ""))) if p
    ),
    "incident.ended": _by,
    "report.filed": _report,
    "decision.made": lambda b, _t: str(b.get("sentence") or b.get("rule") or ""),
    "penalty.given": lambda b, t: " · ".join(p for p in (str(b.get("sentence") or ""), _by(b, t)) if p),
    "penalty.reversed": _by,
    "appeal.filed": lambda b, _t: str(b.get("words") or ""),
    "appeal.upheld": _answered,
    "appeal.rejected": _answered,
    "report.overturned": _by,
    "member.readmitted": _by,
    "effect.done": _effect,
    "case.opened": lambda b, _t: str(b.get("title") or ""),
    "case.assigned": lambda b, t: " · ".join(
        p for p in (str(b.get("to") or _("放回待处理")), _by(b, t), str(b.get("note") or "")) if p
    ),
    "case.escalated": lambda b, _t: str(_WHY_RAISED.get(b.get("why", ""), _WHY_RAISED["untaken"])),
    "case.merged": lambda b, t: _("并入 #%(n)s") % {"n": b.get("into")} + f" · {_by(b, t)}",
    "case.reopened": _by,
    "case.proposed": lambda b, t: " · ".join(p for p in (_by(b, t), str(b.get("note") or "")) if p),
    "case.withdrawn": _by,
    "case.decided": lambda b, t: " · ".join(p for p in (_by(b, t), str(b.get("note") or "")) if p),
    "checkin.done": lambda b, _t: (
        _("连续第 %(streak)s 天,+%(points)s 积分") % {"streak": b.get("streak"), "points": b.get("points")}
    ),
    "points.posted": _points,
    "points.capped": _capped,
    "checkin.madeup": lambda b, _t: _("补 %(day)s,连续 %(n)s 天") % {"day": b.get("day"), "n": b.get("run")},
    "card.granted": lambda b, _t: _("%(n)s 张") % {"n": b.get("cards")},
    "task.completed": lambda b, _t: _("%(name)s,+%(n)s 积分") % {"name": b.get("name"), "n": b.get("points")},
    "task.reversed": lambda b, _t: _("%(name)s,收回 %(n)s 积分") % {"name": b.get("name"), "n": b.get("points")},
    "page.opened": lambda b, _t: str(b.get("page")),
    "rulebook.published": lambda b, t: _("第 %(version)s 版") % {"version": b.get("version")} + f" · {_by(b, t)}",
    "consent.given": lambda b, _t: _("第 %(version)s 版") % {"version": b.get("version")},
    "keywords.changed": _keywords,
    "clearance.requested": lambda b, _t: str(b.get("text") or " ".join(b.get("links") or ())),
    "clearance.granted": _window,
    "clearance.declined": lambda b, t: " · ".join(p for p in (_by(b, t), str(b.get("reason") or "")) if p),
    "clearance.ended": _by,
    "leave.taken": _leave,
    "leave.ended": _by,
    "inactive.ran": _ran,
    "inactive.confirmed": _by,
    "member.tagged": _tagged,
    "observation.decided": _decided,
    "observation.returned": _by,
    "mall.changed": lambda b, t: (
        _("商品 %(n)s,库存 %(stock)s") % {"n": b.get("good"), "stock": b.get("stock")} + f" · {_by(b, t)}"
    ),
    "mall.ordered": lambda b, _t: _order(b) + " · " + _("%(n)s 积分") % {"n": b.get("price")},
    "mall.shipped": lambda b, t: f"{_order(b)} · {_by(b, t)}",
    "mall.done": lambda b, _t: _order(b),
    "mall.ended": lambda b, _t: _order(b),
    "redpacket.planned": lambda b, t: _packet(b) + (f" · {_by(b, t)}" if b.get("by") else ""),
    "redpacket.opened": lambda b, _t: _packet(b),
    "redpacket.grabbed": lambda b, _t: _("%(n)s 积分") % {"n": b.get("amount")},
    "redpacket.closed": lambda b, _t: (
        _("发出 %(paid)s 积分,退回 %(rest)s") % {"paid": b.get("paid"), "rest": b.get("returned")}
    ),
    "import.finished": _imported,
    "messages.expired": lambda b, t: _("%(n)s 条") % {"n": formats.number(b.get("events") or 0, t.language)},
    "member.erased": lambda b, _t: _("成员 %(id)s") % {"id": b.get("member")},
}
