"""Makes a community with one group and four members in the installation of QUNZHU_HOME; prints what tests need."""

import json
import secrets
import sys

from qunzhu.kernel.bootstrap import setup_django

MEMBERS = ("林晓", "老陈", "Amy 王", "张小北")


def main() -> None:
    setup_django()
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.services import create_community, create_group
    from qunzhu.kernel.connectors.local.services import join_room, open_room, set_role

    now = SYSTEM_CLOCK.now()
    name = secrets.token_hex(4)
    community = create_community(slug=f"b{name}", name="职场知识社", timezone="Asia/Shanghai", blueprint={}, now=now)
    group = create_group(
        community=community, name="早报 1 群", platform_id=name, announcement="每天最多 5 条,广告先报备", now=now
    )
    room = open_room(group=group)
    joined = {nickname: join_room(room=room, nickname=nickname, now=now) for nickname in MEMBERS}
    set_role(room=room, member_id=joined["林晓"].member.pk, role="owner")
    told = {
        "id": community.pk,
        "group": group.pk,
        "code": room.join_code,
        "members": {nickname: j.member.pk for nickname, j in joined.items()},
        "tokens": {nickname: j.token for nickname, j in joined.items()},
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
