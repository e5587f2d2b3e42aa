"""A community with one local room and people in it, for tests of everything that acts on rooms."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from qunzhu.kernel.community.models import Community, Group
from qunzhu.kernel.community.services import create_community, create_group
from qunzhu.kernel.connectors.local.models import Occupant, Room
from qunzhu.kernel.connectors.local.services import Joined, join_room, open_room, set_profile
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import Event, NewEvent, event_id

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai


@dataclass
class Scene:
    """`start` is the log's head once everybody is in: `said()` tells what came after."""

    community: Community
    group: Group
    room: Room
    owner: Joined
    people: list[Joined]
    start: int

    def occupant(self, member_id: int) -> Occupant:
        return Occupant.objects.get(group_id=self.group.pk, member_id=member_id)

    def events(self, *kinds: str) -> list[Event]:
        raw = raw_connection()
        head = log.head(raw, self.community.pk)
        return log.read(raw, self.community.pk, after=self.start, upto=head, kinds=kinds or None)

    def kinds(self) -> list[str]:
        return [e.kind for e in self.events()]

    def say(self, member_id: int, text: str) -> int:
        event = NewEvent(
            self.community.pk, event_id("said", self.group.pk, member_id, text), "message.posted", NOW,
            {"platform_id": text, "text": text, "type": "text", "nickname": "x"}, self.group.pk, member_id, "local",
        )  # fmt: skip
        with transaction.atomic():
            return log.append(raw_connection(), [event], now=NOW)[0].seq

    def ask(self, kind: str, key: str = "", *, member: int | None = None, **payload: object) -> str:
        wanted = EffectRequest(kind, key or kind, self.group.pk, member, payload, cause_seq=1, rule="flood")
        with transaction.atomic():
            return str(outbox.request(raw_connection(), self.community.pk, [wanted], now=NOW)[0])


def make_scene(*, profile: str = "full", people: int = 2, slug: str = "demo", capacity: int = 500) -> Scene:
    """An owner and `people` members, called 成员1, 成员2 …"""
    community = create_community(slug=slug, name="职场充电站", timezone="Asia/Shanghai", blueprint={}, now=NOW)
    group = create_group(
        community=community, name="一群", connector="local", platform_id=f"{slug}-1", profile="full",
        capacity=capacity, announcement="", now=NOW,
    )  # fmt: skip
    room = open_room(group=group)
    owner = join_room(room=room, nickname="群主", now=NOW, role="owner")
    members = [join_room(room=room, nickname=f"成员{n}", now=NOW) for n in range(1, people + 1)]
    if profile != "full":
        set_profile(group=group, profile=profile)
    return Scene(community, group, room, owner, members, log.head(raw_connection(), community.pk))
