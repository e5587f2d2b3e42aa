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
from qunzhu.kernel.effects.consumer import PLATFORM
from qunzhu.kernel.events.schema import Event
from qunzhu.ui import formats

# kind → (icon, what happened)
KINDS: dict[str, tuple[str, Promise]] = {
    "message.posted": ("chat_bubble", lazy("发言")),
    "command.posted": ("terminal", lazy("发出命令")),
    "message.sent": ("smart_toy", lazy("系统发言")),
    "message.recalled": ("undo", lazy("消息被撤回")),
    "member.joined": ("login", lazy("入群")),
    "member.left": ("logout", lazy("退群")),
    "member.removed": ("person_remove", lazy("被移出群")),
    "member.readmitted": ("person_add", lazy("可以重新入群")),
    "member.muted": ("volume_off", lazy("被禁言")),
    "member.unmuted": ("volume_up", lazy("解除禁言")),
    "member.renamed": ("edit", lazy("改了群昵称")),
    "group.created": ("add_circle", lazy("建群")),
    "group.announced": ("campaign", lazy("更新群公告")),
    "group.frozen": ("lock", lazy("群被冻结")),
    "group.unfrozen": ("lock_open", lazy("群解除冻结")),
    "group.closed": ("cancel", lazy("群被关闭")),
    "group.reopened": ("lock_open", lazy("群重新开放")),
    "breaker.tripped": ("crisis_alert", lazy("熔断:疑似炸群")),
    "incident.started": ("emergency_home", lazy("红色事件开始")),
    "incident.step": ("checklist", lazy("红色事件的一步")),
    "incident.ended": ("task_alt", lazy("红色事件结束")),
    "member.invited": ("person_add", lazy("被邀请进新群")),
    "report.filed": ("flag", lazy("举报")),
    "report.upheld": ("flag", lazy("举报属实")),
    "report.dismissed": ("flag", lazy("举报不属实")),
    "report.overturned": ("flag", lazy("举报核实后推翻")),
    "decision.made": ("gavel", lazy("决定")),
    "penalty.given": ("gavel", lazy("人工处罚")),
    "penalty.reversed": ("history", lazy("处罚被撤销")),
    "appeal.filed": ("balance", lazy("提出申诉")),
    "appeal.upheld": ("balance", lazy("申诉成立")),
    "appeal.rejected": ("balance", lazy("申诉不成立")),
    "effect.done": ("outbox", lazy("动作结束")),
    "case.opened": ("assignment_late", lazy("新工单")),
    "case.assigned": ("assignment_ind", lazy("工单交接")),
    "case.escalated": ("priority_high", lazy("工单升级")),
    "case.merged": ("merge", lazy("工单合并")),
    "case.reopened": ("undo", lazy("撤销决定,工单重新待处理")),
    "case.proposed": ("group_add", lazy("提议,等第二个人确认")),
    "case.withdrawn": ("group_remove", lazy("提议没有执行")),
    "case.decided": ("assignment_turned_in", lazy("工单已处理")),
    "checkin.done": ("event_available", lazy("签到")),
    "points.posted": ("toll", lazy("积分变动")),
    "quality.marked": ("star", lazy("被评为优质内容")),
    "quality.unmarked": ("star_border", lazy("取消优质内容")),
    "rulebook.published": ("menu_book", lazy("群规发布")),
    "consent.given": ("how_to_reg", lazy("同意群规")),
    "keywords.changed": ("dictionary", lazy("关键词库变更")),
    "staff.changed": ("badge", lazy("运营人员变更")),
    "clearance.requested": ("contact_support", lazy("申请报备")),
    "clearance.granted": ("verified", lazy("报备通过")),
    "clearance.declined": ("block", lazy("报备未通过")),
    "clearance.withdrawn": ("undo", lazy("撤回报备")),
    "clearance.ended": ("block", lazy("报备结束")),
    "link.resolved": ("link", lazy("短链接指向")),
    "leave.taken": ("beach_access", lazy("请假")),
    "leave.ended": ("event_available", lazy("销假")),
    "inactive.ran": ("manage_search", lazy("检查沉默成员")),
    "inactive.confirmed": ("manage_search", lazy("确认沉默名单")),
    "member.tagged": ("sell", lazy("打上标签")),
    "observation.decided": ("visibility", lazy("沉默成员去留")),
    "observation.returned": ("keyboard_return", lazy("从观察群返回")),
    "honour.closed": ("emoji_events", lazy("周榜揭晓")),
    "badge.awarded": ("military_tech", lazy("获得徽章")),
    "badge.taken": ("military_tech", lazy("徽章收回")),
    "mall.changed": ("inventory_2", lazy("商品变更")),
    "mall.ordered": ("redeem", lazy("兑换商品")),
    "mall.shipped": ("local_shipping", lazy("商品已发货")),
    "mall.done": ("task_alt", lazy("商品已交付")),
    "mall.ended": ("undo", lazy("取消或退回兑换")),
    "import.finished": ("upload_file", lazy("导入完成")),
    "member.erased": ("delete_forever", lazy("成员内容被抹除")),
    "messages.expired": ("auto_delete", lazy("过期消息的内容已删除")),
}

# What the chips of the feed offer: name → (label, kinds).
FAMILIES: dict[str, tuple[Promise, tuple[str, ...]]] = {
    "messages": (lazy("发言"), ("message.posted",)),
    "commands": (
        lazy("命令"), ("command.posted", "checkin.done", "points.posted", "quality.marked", "quality.unmarked"),
    ),
    "decisions": (
        lazy("决定"),
        ("decision.made", "penalty.given", "penalty.reversed", "appeal.filed", "appeal.upheld", "appeal.rejected")),
    "effects": (lazy("动作"), ("effect.done", "message.sent", "message.recalled", "member.muted", "member.unmuted")),
    "members": (
        lazy("进出"),
        ("member.joined", "member.left", "member.removed", "member.readmitted", "member.renamed", "consent.given"),
    ),
    "reports": (
        lazy("举报与工单"),
        (
            "report.filed", "report.upheld", "report.dismissed", "report.overturned", "case.opened", "case.assigned",
            "case.escalated", "case.merged", "case.reopened", "case.proposed", "case.withdrawn", "case.decided",
        ),
    ),
    "settings": (
        lazy("设置"),
        (
            "group.created", "group.announced", "group.frozen", "group.unfrozen", "group.closed", "group.reopened",
            "breaker.tripped",
            "incident.started", "incident.step", "incident.ended", "member.invited", "rulebook.published",
            "keywords.changed", "staff.changed", "import.finished", "member.erased", "inactive.ran",
            "inactive.confirmed", "messages.expired", "link.resolved",
        ),
    ),
    "clearances": (
        lazy("报备"),
        (
            "clearance.requested", "clearance.granted", "clearance.declined", "clearance.withdrawn", "clearance.ended",
        ),
    ),
    "mall": (lazy("积分商城"), ("mall.changed", "mall.ordered", "mall.shipped", "mall.done", "mall.ended")),
    "silence": (
        lazy("沉默与观察"),
        ("member.tagged", "observation.decided", "observation.returned", "leave.taken", "leave.ended"),
    ),
}  # fmt: skip

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


def _order(body: dict[str, Any]) -> str:
    return _("订单 #%(order)s,商品 %(good)s") % {"order": body.get("order"), "good": body.get("good")}


_ABOUT: dict[str, Callable[[dict[str, Any], _Told], str]] = {
    "message.recalled": _recalled,
    "link.resolved": _led,
    "quality.marked": _quality,
    "quality.unmarked": _quality,
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
    "import.finished": _imported,
    "messages.expired": lambda b, t: _("%(n)s 条") % {"n": formats.number(b.get("events") or 0, t.language)},
    "member.erased": lambda b, _t: _("成员 %(id)s") % {"id": b.get("member")},
}
