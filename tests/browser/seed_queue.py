"""Opens cases about two members in the house's community, and gives a colleague a post; prints the cases' numbers."""

import json
import sys

from qunzhu.kernel.bootstrap import setup_django

TITLES = ("请看看甲的广告", "请看看乙的广告", "请看看丙的广告", "请看看丁的广告", "请看看戊的广告")
COLLEAGUE = "colleague"


def main() -> None:
    slug, password = sys.argv[1:3]
    setup_django()
    from django.contrib.auth import get_user_model
    from django.db import transaction

    from qunzhu.kernel.cases.services import open_case
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.models import Community, Group, Member
    from qunzhu.kernel.community.services import set_staff
    from qunzhu.kernel.events import log
    from qunzhu.kernel.events.runner import raw_connection

    now = SYSTEM_CLOCK.now()
    community = Community.objects.get(slug=slug)
    group = Group.objects.filter(community=community).order_by("pk")[0]
    user = get_user_model().objects.create_user(COLLEAGUE, password=password)
    set_staff(community=community, user=user, role="manager", by="test", now=now)
    members = [
        Member.objects.create(community=community, display_name=name, created_at=now) for name in ("广告甲", "广告乙")
    ]
    numbers = []
    for place, title in enumerate(TITLES):
        with transaction.atomic():
            opened = open_case(
                community_id=community.pk, kind="rule_review", key=f"queue:{place}", title=title, urgency="yellow",
                group_id=group.pk, member_id=members[place % 2].pk, now=now,
            )  # fmt: skip
            if opened.event:
                log.append(raw_connection(), [opened.event], now=now)
        numbers.append(opened.case_id)
    sys.stdout.write("\n" + json.dumps(numbers))


if __name__ == "__main__":
    main()
