"""Lets ten people into the second group of the house at once; prints the group and their cookies."""

import json
import sys

from qunzhu.kernel.bootstrap import setup_django

RAIDERS = 10


def main(slug: str) -> None:
    setup_django()
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.models import Community
    from qunzhu.kernel.connectors.local.models import Room
    from qunzhu.kernel.connectors.local.services import join_room

    community = Community.objects.get(slug=slug)
    room = Room.objects.filter(community_id=community.pk).order_by("group_id")[1]
    now = SYSTEM_CLOCK.now()
    tokens = [join_room(room=room, nickname=f"路人{number}", now=now).token for number in range(RAIDERS)]
    sys.stdout.write("\n" + json.dumps({"group": room.group_id, "tokens": tokens}))


if __name__ == "__main__":
    main(sys.argv[1])
