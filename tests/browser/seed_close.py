"""Closes (or reopens) a group as the product does, in the installation of QUNZHU_HOME: COMMUNITY GROUP close|reopen."""

import sys
from uuid import uuid4

from qunzhu.kernel.bootstrap import setup_django


def main() -> None:
    setup_django()
    from django.db import transaction

    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.connectors.local import rooms
    from qunzhu.kernel.events import log
    from qunzhu.kernel.events.runner import raw_connection

    community, group, what = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    now = SYSTEM_CLOCK.now()
    act = rooms.Act(community, group, "qunzhu", now, effect=str(uuid4()))
    with transaction.atomic():
        event = (rooms.close if what == "close" else rooms.reopen)(raw_connection(), act)
        assert event is not None
        log.append(raw_connection(), [event], now=now)


if __name__ == "__main__":
    main()
