"""Makes a community with an observation group and members who have been silent for days; prints what tests need."""

import json
import secrets
import sys
from datetime import timedelta

from qunzhu.kernel.bootstrap import setup_django

MEMBERS = ("沉默的老王", "在想事情的小赵", "出差的阿美")


def main() -> None:
    setup_django()
    from qunzhu.config.init import init_community, load_checked
    from qunzhu.config.subscriptions import CONSUMERS
    from qunzhu.governance.elimination.schedule import run_community
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.connectors.local.services import join_room
    from qunzhu.kernel.events.runner import Runner

    now = SYSTEM_CLOCK.now()
    then = now - timedelta(days=40)
    created = init_community(
        loaded=load_checked("workplace-knowledge"), slug=f"s{secrets.token_hex(4)}", name="安静的社群", now=then
    )
    community = created.community
    community.blueprint["governance"]["elimination"] |= {"run_at": "00:00", "respects_holidays": False}
    community.save(update_fields=["blueprint"])
    joined = {name: join_room(room=created.rooms[0], nickname=name, now=then) for name in MEMBERS}
    runner = Runner(CONSUMERS)
    while not run_community(community, now=now):
        runner.run_once()
    runner.run_once()
    told = {
        "slug": community.slug,
        "groups": [group.pk for group in created.groups],
        "members": {name: j.member.pk for name, j in joined.items()},
        "tokens": {name: j.token for name, j in joined.items()},
    }
    sys.stdout.write("\n" + json.dumps(told))


if __name__ == "__main__":
    main()
