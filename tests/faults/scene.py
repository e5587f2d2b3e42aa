"""Two communities whose rules bite often and let go soon; runs as `python -m tests.faults.scene` in QUNZHU_HOME."""

import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

GROUPS = 2
TALKERS = 8
EQUAL_LINKS = 3
EQUAL_TEXTS = 4
FRAUD = "稳赚不赔"


@dataclass(frozen=True)
class Seat:
    """A member in a room: `cookie` is what the browser holds, `leader` the cookie of the room's owner."""

    community: int
    group: int
    member: int
    cookie: str
    leader: str


def rules() -> list[dict[str, Any]]:
    """Short mutes, warnings, freezes and reports; nobody is removed, so that everybody goes on talking."""
    from qunzhu.kernel.engine.tests.workplace import workplace

    of = {rule["id"]: rule for rule in workplace()["rules"]}
    links = {**of["equal_links"], "strike": False, "then": [{"mute": {"minutes": 1}}]}
    links["when"] = {"fact": "window.count", "over": EQUAL_LINKS}
    texts = {
        "id": "equal_texts", "chapter": "governance", "name": "重复发言", "clause": "2.5", "on": ["message.posted"],
        "window": {"of": "text", "count": "equal", "per": "member", "minutes": 10},
        "when": {"fact": "window.count", "over": EQUAL_TEXTS}, "then": [{"warn": {}}],
        "explain": "{nickname}，同样的话 {window}内已说 {count} 次，{consequence}。",
    }  # fmt: skip
    return [links, texts, of["member_reported"], of["red_keyword"], of["posted_while_muted"]]


def make_scene(now: datetime) -> list[Seat]:
    """The communities, their rooms and the people in them."""
    from qunzhu.config.init import init_community, load_checked
    from qunzhu.kernel.community.services import create_group
    from qunzhu.kernel.connectors.local.services import join_room, open_room
    from qunzhu.kernel.engine.rulebook_service import publish_rulebook
    from qunzhu.kernel.text.keywords import Word
    from qunzhu.risk.services import change_keywords

    seats: list[Seat] = []
    for slug in ("first", "second"):
        loaded = load_checked("workplace-knowledge")
        community = init_community(loaded=loaded, slug=slug, now=now).community
        publish_rulebook(community_id=community.pk, rules=rules(), by="faults", now=now)
        word = Word(word=FRAUD, category="fraud", level="red")
        change_keywords(community_id=community.pk, added=[word], by="faults", now=now)
        for number in range(GROUPS):
            group = create_group(community=community, name=f"群{number}", platform_id=f"{slug}-{number}", now=now)
            room = open_room(group=group)
            leader = join_room(room=room, nickname="群主", now=now, role="owner").token
            for talker in range(TALKERS):
                joined = join_room(room=room, nickname=f"成员{talker}", now=now)
                seats.append(Seat(community.pk, group.pk, joined.member.pk, joined.token, leader))
    return seats


def main() -> None:
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from qunzhu.config.migrate import do_migrate
    from qunzhu.kernel.clock import SYSTEM_CLOCK

    do_migrate()
    json.dump([asdict(seat) for seat in make_scene(SYSTEM_CLOCK.now())], sys.stdout)


if __name__ == "__main__":
    main()
