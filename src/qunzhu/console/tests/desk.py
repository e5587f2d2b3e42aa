"""A community for the desk's tests: one person of each role, two groups, a rulebook, and ways to sign in."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.test import Client

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import AuditEntry, Community, Group, Member, Staff
from qunzhu.kernel.community.services import create_community, create_group, set_staff
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.effects.outbox import EffectRequest, request
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

ROLES = tuple(Staff.Role.values)


@dataclass
class Desk:
    """Everything a page test needs; `client(role)` is signed in as that role ("stranger": no post, "": nobody)."""

    community: Community
    group: Group
    member: Member
    users: dict[str, Any] = field(default_factory=dict)
    made: int = 0

    def client(self, role: str) -> Client:
        client = Client()
        if role:
            client.force_login(self.users[role])
        return client

    def url(self, path: str) -> str:
        return f"/console/{self.community.slug}/{path}"

    def message(self, text: str) -> int:
        """Post a message; returns its seq."""
        self.made += 1
        now = SYSTEM_CLOCK.now()
        event = NewEvent(
            self.community.pk,
            event_id("desk", self.community.pk, self.made),
            "message.posted",
            now,
            {"text": text, "type": "text", "platform_id": str(self.made), "nickname": "小林"},
            self.group.pk,
            self.member.pk,
            "local",
        )
        return log.append(raw_connection(), [event], now=now)[0].seq

    def case(self, kind: str = "rule_review", **fields: Any) -> Case:
        """Open a case about the member's newest message."""
        self.made += 1
        fields.setdefault("event_seq", self.message(f"消息 {self.made}"))
        opened = open_case(
            community_id=self.community.pk,
            kind=kind,
            key=f"desk:{self.made}",
            title=fields.pop("title", f"请看看 {self.made}"),
            group_id=self.group.pk,
            member_id=self.member.pk,
            evidence=[fields["event_seq"]],
            now=SYSTEM_CLOCK.now(),
            **fields,
        )
        return Case.objects.get(pk=opened.case_id)

    def effect(self, status: str = "done", **fields: Any) -> UUID:
        """An effect of the outbox in a state."""
        self.made += 1
        wanted = EffectRequest("say", f"desk:{self.made}", self.group.pk, payload={"text": "你好"})
        (number,) = request(raw_connection(), self.community.pk, [wanted], now=SYSTEM_CLOCK.now())
        Effect.objects.filter(community_id=self.community.pk, id=number).update(status=status, **fields)
        return number

    def decision(self, seq: int, rule: str = "daily_cap") -> Decision:
        """A decision of a live rule on an event."""
        return Decision.objects.create(
            community_id=self.community.pk, seq=seq, rule=rule, rulebook_version=1, chapter="governance",
            group_id=self.group.pk, member_id=self.member.pk, occurred_at=SYSTEM_CLOCK.now() - timedelta(minutes=1),
            outcome="live", sentence="小林,今天已发 6 条(群规 2.1,上限 5 条),先提醒一次。", evidence=[seq],
        )  # fmt: skip

    def audit(self, *, allowed: bool = True) -> list[tuple[str, str, str]]:
        """(user, action, target) of what was recorded here, oldest first; opening the desk itself left nothing."""
        rows = AuditEntry.objects.filter(community_id=self.community.pk, allowed=allowed).order_by("pk")
        return list(rows.values_list("user", "action", "target"))


def make_desk(slug: str = "desk") -> Desk:
    """A community with one person of each role, named after the role."""
    now = SYSTEM_CLOCK.now()
    community = create_community(slug=slug, name="职场知识社", timezone="Asia/Shanghai", blueprint={}, now=now)
    group = create_group(community=community, name="一群", platform_id=f"{slug}-1", now=now)
    create_group(community=community, name="二群", platform_id=f"{slug}-2", now=now)
    member = Member.objects.create(community=community, display_name="小林", created_at=now)
    desk = Desk(community, group, member)
    for role in (*ROLES, "stranger"):
        user = get_user_model().objects.create(username=f"{role}-{slug}")
        desk.users[role] = user
        if role != "stranger":
            set_staff(community=community, user=user, role=role, by="test", now=now)
    return desk


def permitted(desk: Desk, permission_roles: set[str], path: str, data: dict[str, Any] | None = None) -> dict[str, int]:
    """POST as everybody who may not; returns role → status. None of it may have an effect: the caller checks that."""
    answers = {}
    for role in (*ROLES, "stranger", ""):
        if role not in permission_roles:
            answers[role] = desk.client(role).post(desk.url(path), data or {}).status_code
    return answers


REFUSED = {"stranger": 404, "": 302}


def refused(*roles: str) -> dict[str, int]:
    """What everybody without the permission gets: staff 403, strangers 404, nobody the sign-in page."""
    return {**dict.fromkeys(roles, 403), **REFUSED}
