"""A challenge for tests: a community, members with points, days that pass."""

from datetime import datetime, timedelta
from typing import Any

from qunzhu.engagement.challenge import schedule, services
from qunzhu.engagement.challenge.consumer import CONSUMER
from qunzhu.engagement.challenge.models import Challenge, ChallengeEntry, ChallengeProof
from qunzhu.engagement.challenge.policy import Terms
from qunzhu.engagement.challenge.selectors import check_challenges
from qunzhu.engagement.challenge.services import Proof
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community, make_group, make_member, run, write
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import KINDS
from qunzhu.kernel.ledger.selectors import balance, check_against_log, check_ledger, member_account
from qunzhu.kernel.ledger.services import award

DAY = timedelta(days=1)
TODAY = local_day(NOW, "Asia/Shanghai")


class Camp:
    def __init__(self, *names: str, points: int = 100) -> None:
        self.community = make_community()
        self.id = self.community.pk
        self.group = make_group(self.community)
        self.people = {name: self.member(name, points) for name in names}
        self.now = NOW

    def member(self, name: str, points: int = 100) -> Member:
        made = make_member(self.community, name)
        if points:
            given = award(
                community_id=self.id, member_id=made.pk, amount=points, key=f"gift:{made.pk}", kind="adjust", now=NOW
            )
            log.append(raw_connection(), [given.event], now=NOW)
        return made

    def open(self, key: str = "k", **terms: Any) -> Challenge:
        wanted = {
            "name": "早起",
            "starts_on": TODAY + DAY,
            "days": 3,
            "need": 2,
            "stake": 20,
            "buddies": False,
            **terms,
        }
        return services.open_challenge(community_id=self.id, terms=Terms(**wanted), key=key, by="owner", now=self.now)

    def ids(self, challenge: Challenge) -> dict[str, Any]:
        return {"community_id": self.id, "challenge_id": challenge.pk, "now": self.now}

    def join(self, challenge: Challenge, *names: str) -> None:
        for name in names:
            services.join(**self.ids(challenge), member_id=self.people[name].pk)

    def prove(self, challenge: Challenge, name: str, words: str = "今天六点起床", **more: Any) -> ChallengeProof:
        proof = Proof(self.people[name].pk, words, **more)
        return services.prove(**self.ids(challenge), proof=proof, at=self.now)

    def judge(self, challenge: Challenge, of: str, *, approve: bool, by: str | None = None) -> ChallengeProof:
        buddy = self.people[by].pk if by else None
        return services.judge(
            **self.ids(challenge), member_id=self.people[of].pk, day=local_day(self.now, "Asia/Shanghai"),
            approve=approve, buddy_id=buddy, by=by or "owner",
        )  # fmt: skip

    def pass_days(self, days: float = 1) -> int:
        """Time goes on, and the job does what is due; returns how many challenges moved."""
        self.now += timedelta(days=days)
        return schedule.go_on(now=self.now)

    def say(self, name: str, command: str, args: str = "", at: datetime | None = None, **body: Any) -> int:
        return write(
            self.community, "command.posted", group=self.group, member=self.people[name], at=at or self.now,
            text=f"{command} {args}", command=command, args=args, nickname=name, **body,
        )  # fmt: skip

    def message(self, name: str, **body: Any) -> int:
        return write(
            self.community, "message.posted", group=self.group, member=self.people[name], at=self.now, nickname=name,
            **{"text": "", **body},
        )  # fmt: skip

    def ask(self, name: str, command: str, args: str = "", **body: Any) -> int:
        """Say it and have it answered: three in one batch would be answered together."""
        seq = self.say(name, command, args, **body)
        self.consume()
        return seq

    def consume(self) -> None:
        run(CONSUMER, now=self.now)

    def answers(self) -> list[str]:
        rows = Effect.objects.filter(community_id=self.id, rule__startswith="command.").order_by("number")
        return [row.payload["text"] for row in rows]

    def told(self) -> list[str]:
        rows = Effect.objects.filter(community_id=self.id, rule="challenge").order_by("number")
        return [row.payload["text"] for row in rows]

    def points(self) -> dict[str, int]:
        return {name: balance(self.id, member_account(m.pk)) for name, m in self.people.items()}

    def held(self, challenge: Challenge) -> int:
        return balance(self.id, f"sys:challenge:{challenge.pk}")

    def states(self, challenge: Challenge) -> dict[str, str]:
        rows = dict(ChallengeEntry.objects.filter(challenge_id=challenge.pk).values_list("member_id", "state"))
        return {name: rows[m.pk] for name, m in self.people.items() if m.pk in rows}

    def events(self) -> list[str]:
        return [e.kind for e in events_of(self.community, *(kind for kind in KINDS if kind.startswith("challenge.")))]

    def check(self) -> None:
        """What always holds, of challenges, ledger and log."""
        assert check_challenges(self.id) == []
        assert check_ledger(self.id) == []
        assert check_against_log(self.id) == []
