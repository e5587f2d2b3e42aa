"""A hall for tests: a community with a topic, members, and a clock that is moved by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from qunzhu.engagement.debate import schedule, services
from qunzhu.engagement.debate.consumer import CONSUMER
from qunzhu.engagement.debate.models import Debate
from qunzhu.engagement.debate.selectors import check_debates
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community, make_group, make_member, run, write
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.ledger.selectors import balance, check_ledger, member_account

SATURDAY = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)  # 20:00 in Shanghai
PRO_WORDS = "正方：薪资是市场对能力最直接的定价，先拿到再谈别的"
CON_WORDS = "反方 头三年学到的东西会决定后面十年的上限，钱会跟着来"
OTHER_WORDS = "正方，房租和家人都等不起成长，没有钱哪来的耐心慢慢积累"
THIRD_WORDS = "反方：高薪岗位往往消耗旧本事，一旦行业下行就没有退路可走"
TOPIC = {"title": "跳槽先看薪资还是成长", "pro": "先看薪资", "con": "先看成长"}


class Hall:
    def __init__(self, *, topics: int = 1, **settings: Any) -> None:
        self.community = make_community({"engagement": {"debate": {"minutes": 60, **settings}}})
        self.id = self.community.pk
        self.group = make_group(self.community)
        self.now = NOW
        self.people: dict[str, Member] = {}
        for n in range(topics):
            title = TOPIC["title"] if not n else f"{TOPIC['title']} {n + 1}"
            services.save_topic(
                community_id=self.id, number=None, fields={**TOPIC, "title": title}, by="owner", now=NOW
            )

    def who(self, name: str) -> Member:
        if name not in self.people:
            self.people[name] = make_member(self.community, name)
        return self.people[name]

    def say(self, name: str, text: str, **more: Any) -> int:
        body = {"text": text, "nickname": name, **more}
        group = body.pop("group", self.group)
        return write(self.community, "message.posted", group=group, member=self.who(name), at=self.now, **body)

    def command(self, name: str, word: str, args: str = "") -> int:
        spoken = {"vote": "投票", "debate": "辩论"}[word]
        return write(
            self.community, "command.posted", group=self.group, member=self.who(name), at=self.now,
            text=f"{spoken} {args}", command=word, args=args, nickname=name,
        )  # fmt: skip

    def consume(self, consumer: Any = CONSUMER) -> None:
        run(consumer, now=self.now)

    def tick(self, at: datetime | None = None, **ahead: float) -> None:
        """The clock moves, the schedule asks, the consumer works."""
        self.now = at or self.now + timedelta(**ahead)
        schedule.ask_due(now=self.now)
        self.consume()

    def row(self, number: int = 1) -> Debate:
        return Debate.objects.get(community_id=self.id, number=number)

    def states(self) -> list[tuple[str, str]]:
        return list(Debate.objects.filter(community_id=self.id).order_by("number").values_list("slot", "state"))

    def said(self) -> list[tuple[str, str]]:
        rows = Effect.objects.filter(community_id=self.id).order_by("number")
        return [(e.kind, e.payload["text"]) for e in rows]

    def told(self, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
        return [(e.kind, e.body) for e in events_of(self.community, *kinds)]

    def points(self) -> dict[str, int]:
        found = {name: balance(self.id, member_account(member.pk)) for name, member in self.people.items()}
        return {name: n for name, n in found.items() if n}

    def arguments(self) -> list[tuple[str, int]]:
        return [(b["side"], b["n"]) for _, b in self.told("debate.argued")]

    def spoken(self) -> None:
        """A debate with two on each side whose speech is over."""
        self.tick(SATURDAY)
        words = {"甲": PRO_WORDS, "乙": CON_WORDS, "丙": OTHER_WORDS, "丁": THIRD_WORDS}
        for name, text in words.items():
            self.say(name, text)
        self.tick(minutes=60)

    def check(self) -> None:
        assert check_debates(self.id) == []
        assert check_ledger(self.id) == []
