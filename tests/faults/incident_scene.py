"""A red case in a community of its own; runs as `python -m tests.faults.incident_scene` in QUNZHU_HOME.

With `confirm` it is the two people who confirm that the group is closed and built anew.
"""

import sys
from datetime import datetime

FRAUD = "跟我做,穩賺不賠"


def make_scene(now: datetime) -> None:
    """The community of the shipped blueprint, people in its first group, and what the swindler wrote."""
    from django.contrib.auth import get_user_model
    from django.db import transaction

    from qunzhu.config.init import init_community, load_checked
    from qunzhu.kernel.community.services import set_staff
    from qunzhu.kernel.connectors.local.services import join_room
    from qunzhu.kernel.events import log
    from qunzhu.kernel.events.runner import raw_connection
    from qunzhu.kernel.events.schema import NewEvent, event_id

    made = init_community(loaded=load_checked("workplace-knowledge"), now=now)
    manager = get_user_model().objects.create_user("manager")
    set_staff(community=made.community, user=manager, role="manager", by="owner", now=now)
    join_room(room=made.rooms[0], nickname="群主", role="owner", now=now)
    for name in ("小美", "小林"):
        join_room(room=made.rooms[0], nickname=name, now=now)
    swindler = join_room(room=made.rooms[0], nickname="骗子", now=now).member
    body = {"platform_id": "x", "text": FRAUD, "type": "text", "nickname": "骗子"}
    community, group = made.community.pk, made.groups[0].pk
    event = NewEvent(community, event_id("fraud"), "message.posted", now, body, group, swindler.pk, "local")
    with transaction.atomic():
        log.append(raw_connection(), [event], now=now)


def confirm(now: datetime) -> None:
    """Both presses on the red case, and no wait before the invitations."""
    from qunzhu.kernel.cases.models import Case
    from qunzhu.kernel.cases.services import decide_case

    for user, role in (("owner", "owner"), ("manager", "manager")):
        case = Case.objects.get(kind="red_keyword", state="open")
        decide_case(
            community_id=case.community_id, case_id=case.pk, action="rebuild", user=user, role=role,
            version=case.version, now=now,
        )  # fmt: skip


def main() -> None:
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from django.core.management import call_command

    from qunzhu.kernel.clock import SYSTEM_CLOCK

    if "confirm" in sys.argv[1:]:
        confirm(SYSTEM_CLOCK.now())
        return
    call_command("migrate", verbosity=0)
    make_scene(SYSTEM_CLOCK.now())


if __name__ == "__main__":
    main()
