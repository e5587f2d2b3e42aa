"""A community from the guide's blueprint, for stories: `world.say("小林", "大家好")`, `world.settle()`, `world.log()`.

Nothing is replaced: messages go over HTTP into the receiver, through group commit into the log; the consumers and the
deliverer of the product do the rest. Only the clock is ours. What always holds is checked after every story.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
from django.db import connection, transaction
from django.test import Client

from qunzhu.config.init import init_community, load_checked
from qunzhu.config.subscriptions import CONSUMERS
from qunzhu.kernel.blueprint.rules import rulebook_settings
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import decide_case
from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.community.models import Group, Member
from qunzhu.kernel.connectors.local.client import spoken_time
from qunzhu.kernel.connectors.local.models import Room
from qunzhu.kernel.connectors.local.services import Joined, join_room
from qunzhu.kernel.effects.deliver import Deliverer
from qunzhu.kernel.effects.details import put_into_words
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.events import blackbox, log
from qunzhu.kernel.events.models import PoisonedEvent
from qunzhu.kernel.events.rebuild import check_projections
from qunzhu.kernel.events.runner import Runner, raw_connection
from qunzhu.kernel.events.schema import Event
from qunzhu.receive.app import Limits, create_app, lifespan
from qunzhu.risk.incident.services import write_evidence

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # a Tuesday, 12:00 in Shanghai
# Rates are measured by the machine's clock, not by ours: days of talk pass here in a second.
UNHURRIED = Limits(posts_per_second=1e6, posts_at_once=10**6, acts_per_second=1e6, acts_at_once=10**6)


class World:
    """One community with two groups; people are called by their names."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOON)
        loaded = load_checked("workplace-knowledge")
        loaded.data["engagement"]["tasks"] = []  # their points would be in every story; test_tasks.py puts them back
        created = init_community(loaded=loaded, now=NOON)
        self.community, self.groups, self.rooms = created.community, created.groups, created.rooms
        self.people: dict[str, Joined] = {}
        self.runner = Runner(CONSUMERS, clock=self.clock)
        self.deliverer = Deliverer(clock=self.clock, jitter=lambda: 1.0)
        self._loop = asyncio.Runner()
        self._app = create_app()
        self._lifespan = lifespan(self._app, UNHURRIED, self.clock)
        self._loop.run(self._lifespan.__aenter__())
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=self._app), base_url="http://test")
        self._numbers = count(1)
        self._told = 0
        self.settle()
        self.log()

    def close(self) -> None:
        self._loop.run(self._client.aclose())
        self._loop.run(self._lifespan.__aexit__(None, None, None))
        self._loop.close()
        # PostgreSQL notices a closed connection a moment later; the next test may not wait for that.
        raw_connection().execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    @property
    def group(self) -> Group:
        """The first group, as the database has it now."""
        return Group.objects.get(pk=self.groups[0].pk)

    @property
    def room(self) -> Room:
        return Room.objects.get(pk=self.rooms[0].pk)

    def join(self, *names: str, group: int = 0, role: str = "member") -> None:
        """People come in (in other groups as the members they are), and nothing of it is told."""
        for name in names:
            known = self.people.get(name)
            member_id = known.member.pk if known else None
            self.people[name] = join_room(
                room=self.rooms[group], nickname=name, member_id=member_id, role=role, now=self.clock.now()
            )
        self.settle()
        self.log()

    def id_of(self, name: str) -> int:
        return self.people[name].member.pk

    def post(self, name: str, path: str = "", *, group: int = 0, **fields: Any) -> httpx.Response:
        """Any request of a member's chat page."""
        headers = {"cookie": f"qz_member={self.people[name].token}"}
        body = {"group": self.groups[group].pk, **fields}
        return self._loop.run(self._client.post(f"/in/local{path}", json=body, headers=headers))

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request to the receiver, by nobody in particular."""
        return self._loop.run(self._client.request(method, path, **options))

    def try_say(self, name: str, text: str, *, group: int = 0, **fields: Any) -> tuple[int, dict[str, Any]]:
        """What the receiver answers to a message: (status, body)."""
        answer = self.post(name, group=group, client_id=f"t{next(self._numbers)}", text=text, **fields)
        return answer.status_code, answer.json()

    def say(self, name: str, text: str, *, group: int = 0, **fields: Any) -> int:
        """A message that the receiver takes; its seq."""
        status, body = self.try_say(name, text, group=group, **fields)
        assert status == 200, body
        return int(body["seq"])

    def act(self, name: str, action: str, *, group: int = 0, **fields: Any) -> None:
        """An owner or admin of the room does something by hand."""
        answer = self.post(name, "/act", group=group, action=action, **fields)
        assert answer.status_code == 200, answer.json()

    def settle(self) -> None:
        """Let consumers and deliverer work until nothing is left to do."""
        while self.runner.run_once() + self.deliverer.run_once() + self._write_evidence():
            pass

    def _write_evidence(self) -> int:
        """What the schedule's worker does for incidents: every job of this community, once; how many there were."""
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM procrastinate_jobs WHERE task_name = 'risk.write_evidence' AND status = 'todo'"
                " AND (args->>'community_id')::int8 = %s RETURNING (args->>'incident')::int8",
                [self.community.pk],
            )
            seqs = [row[0] for row in cursor.fetchall()]
        for seq in seqs:
            write_evidence(community_id=self.community.pk, seq=seq, now=self.clock.now())
        return len(seqs)

    def later(self, **time: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(**time))

    def decide(
        self, kind: str, action: str, *, by: str = "owner", role: str = "owner", note: str = "", pk: int = 0
    ) -> Case:
        """Someone presses a button of the one open case of this kind, or of case `pk`."""
        one = {"pk": pk} if pk else {}
        case = Case.objects.get(community_id=self.community.pk, kind=kind, state="open", **one)
        return decide_case(
            community_id=self.community.pk, case_id=case.pk, action=action, user=by, role=role, version=case.version,
            note=note, now=self.clock.now(),
        )  # fmt: skip

    def publish(self, *, without: str) -> None:
        """A new version of the rulebook that lacks one rule."""
        loaded = load_checked("workplace-knowledge")
        publish_rulebook(
            community_id=self.community.pk, rules=[r for r in loaded.data["rules"] if r["id"] != without],
            settings=rulebook_settings(loaded.blueprint), by="owner", now=self.clock.now(),
        )  # fmt: skip

    def cases(self) -> list[tuple[str, str, str, str]]:
        """(kind, urgency, state, title) of every case, oldest first."""
        rows = Case.objects.filter(community_id=self.community.pk).order_by("pk")
        return list(rows.values_list("kind", "urgency", "state", "title"))

    def effects(self) -> list[tuple[str, str]]:
        """(kind, status) of every effect, in the order they were asked for."""
        rows = Effect.objects.filter(community_id=self.community.pk).order_by("created_at", "number")
        return list(rows.values_list("kind", "status"))

    def events(self, *kinds: str) -> list[Event]:
        raw = raw_connection()
        head = log.head(raw, self.community.pk)
        return log.read(raw, self.community.pk, after=0, upto=head, kinds=kinds or None)

    def log(self) -> list[str]:
        """Everything that the log took since it was last asked, each event as one line."""
        raw = raw_connection()
        head = log.head(raw, self.community.pk)
        fresh = log.read(raw, self.community.pk, after=self._told, upto=head)
        self._told = head
        names = {j.member.pk: name for name, j in self.people.items()}
        names |= dict(Member.objects.exclude(pk__in=names).values_list("pk", "display_name"))
        return [_line(event, names) for event in fresh]

    def seen_by(self, name: str, *, group: int = 0) -> list[str]:
        """The texts in a member's chat page, oldest first; a withdrawn one is 〔撤回〕."""
        headers = {"cookie": f"qz_member={self.people[name].token}"}
        url = f"/in/local/history?group={self.groups[group].pk}&limit=200"
        events = self._loop.run(self._client.get(url, headers=headers)).json()["events"]
        bodies = [e["body"] for e in events if "text" in e["body"]]
        return ["〔撤回〕" if body.get("recalled") else body["text"] for body in bodies]

    def phone(self, name: str, path: str) -> str:
        """A member page, as that member's phone gets it."""
        client = Client()
        client.cookies["qz_member"] = self.people[name].token
        answer = client.get(path)
        assert answer.status_code == 200, answer
        return answer.content.decode()

    def console(self, path: str = "", *, user: str = "owner") -> str:
        """A page of the console, as that person sees it."""
        from django.contrib.auth import get_user_model

        client = Client()
        client.force_login(get_user_model().objects.get(username=user))
        answer = client.get(f"/console/{self.community.slug}/{path}")
        assert answer.status_code == 200, answer
        return answer.content.decode()

    def check_what_always_holds(self) -> None:
        """Nothing put aside, projections equal to a rebuild, the ledger at zero, the black box clean."""
        self.settle()
        assert list(PoisonedEvent.objects.values_list("consumer", "seq", "error")) == []
        for result in check_projections(self.community.pk, CONSUMERS):
            assert result.differing == 0, [str(d) for d in result.differences]
        raw = raw_connection()
        assert raw.execute("SELECT coalesce(sum(amount), 0) FROM posting").fetchone() == (0,)
        with transaction.atomic():
            *_, report = blackbox.verify(raw_connection(), self.community.pk, witnesses=())
        assert report.findings == []


def _line(event: Event, names: dict[int, str]) -> str:
    """One event in one line: kind, whom it is about, and what its kind has to say."""
    who = names.get(event.member_id or 0, "")
    tell = _TELLING.get(event.kind)
    parts = [event.kind, who, tell(event.body, names) if tell else ""]
    return " ".join(part for part in parts if part)


def _came_of_it(detail: dict[str, Any]) -> str:
    return put_into_words(detail, translate=str, time=lambda at: spoken_time(at, at, "Asia/Shanghai"))


def _decision(body: dict[str, Any], _names: dict[int, str]) -> str:
    words = [body["rule"], body["outcome"], body.get("step", "")]
    words += ["strike"] if body["strike"] else []
    words += [f"to {body['yielded_to']}"] if body.get("yielded_to") else []
    return f"{' '.join(w for w in words if w)}: {body['sentence']}"


_TELLING: dict[str, Callable[[dict[str, Any], dict[int, str]], str]] = {
    "message.posted": lambda b, _: b["text"],
    "command.posted": lambda b, _: f"{b['text']} ({b['command']})",
    "message.sent": lambda b, names: f"{b['purpose']} @{names.get(b.get('to') or 0, '')}: {b['text']}",
    "message.recalled": lambda b, _: f"by {b['by']}",
    "decision.made": _decision,
    "effect.done": lambda b, _: f"{b['kind']} {b['result']}: {_came_of_it(b['detail'])}",
    "member.muted": lambda b, _: f"until {b['until']} by {b['by']}",
    "member.unmuted": lambda b, _: f"by {b['by']}",
    "member.removed": lambda b, _: "by qunzhu" if b["by"] == "qunzhu" else "by hand",
    "group.announced": lambda b, _: b["text"],
    "case.opened": lambda b, _: f"{b['kind']} {b['urgency']}: {b['title']}",
    "case.decided": lambda b, _: f"{b['kind']} {b['action']} by {b['by']}",
    "incident.started": lambda b, _: b["mode"],
    "incident.step": lambda b, _: f"{b['step']} {b['state']}: {b['detail']}",
    "incident.ended": lambda b, _: f"{b['result']} by {b['by']}",
    "report.filed": lambda b, names: f"against {names[b['target']]}: {b['reason']}",
    "report.upheld": lambda b, _: f"by {b['by']}",
    "report.dismissed": lambda b, _: f"by {b['by']}",
    "report.overturned": lambda b, _: f"by {b['by']}",
    "penalty.reversed": lambda b, _: f"{b['rule']} by {b['by']}",
    "appeal.filed": lambda b, _: b["words"],
    "appeal.upheld": lambda b, _: f"by {b['by']}: {b['answer']}",
    "appeal.rejected": lambda b, _: f"by {b['by']}: {b['answer']}",
    "member.readmitted": lambda b, _: f"by {b['by']}",
    "checkin.done": lambda b, _: f"{b['day']} streak {b['streak']} points {b['points']}",
    "points.posted": lambda b, _: f"{b['amount']:+d} = {b['balance']} {b['kind']}: {b['memo']}",
}
