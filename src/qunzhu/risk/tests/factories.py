"""Events as the log would give them, and an Order that has heard the workplace rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

from qunzhu.kernel.engine.evaluate import Decision
from qunzhu.kernel.engine.tests.workplace import workplace
from qunzhu.kernel.events.schema import Event, event_id
from qunzhu.risk.policy import Order
from qunzhu.risk.state import World

NOW = datetime(2026, 11, 24, 12, 14, tzinfo=UTC)  # 20:14 in Shanghai, a Tuesday
GROUP, MEMBER = 3, 17


class Story:
    """A log in memory: each call is the next event, and what was decided on it comes back."""

    def __init__(self, *rules: str, **settings: Any) -> None:
        self.seq = 0
        self.order = Order(World())
        book = workplace()
        chosen = [r for r in book["rules"] if not rules or r["id"] in rules]
        self.publish(chosen, {**book["settings"], **settings})

    def publish(self, rules: list[dict[str, Any]], settings: dict[str, Any]) -> None:
        self.tell("rulebook.published", {"version": 1, "by": "t", "rules": rules, "settings": settings})

    def tell(self, kind: str, body: dict[str, Any], *, at: datetime = NOW, **more: Any) -> list[Decision]:
        self.seq += 1
        historic = more.pop("historic", False)
        event = Event(
            1,
            self.seq,
            event_id(self.seq),
            kind,
            more.get("group_id"),
            more.get("member_id"),
            at,
            at,
            "local",
            historic,
            body,
        )
        return self.order.hear(event)

    def post(self, text: str = "大家好", *, minutes: float = 0, member: int = MEMBER, **more: Any) -> list[Decision]:
        body = {"platform_id": str(self.seq), "text": text, "type": "text", "nickname": more.pop("nickname", "小林")}
        kind = more.pop("kind", "message.posted")
        group = more.pop("group", GROUP)
        body["type"] = more.pop("type", "text")
        at = NOW + timedelta(minutes=minutes)
        return self.tell(kind, body, at=at, group_id=group, member_id=member, **more)

    def report(self, reporter: int, *, target: int = MEMBER, minutes: float = 0) -> list[Decision]:
        body = {"target": target, "reason": "广告", "cause_seq": self.seq}
        return self.tell("report.filed", body, at=NOW + timedelta(minutes=minutes), group_id=GROUP, member_id=reporter)


def brief(decisions: list[Decision]) -> list[tuple[str, str, str]]:
    """(rule, outcome, step) of each decision."""
    return [(d.rule, d.outcome, d.step) for d in decisions]
