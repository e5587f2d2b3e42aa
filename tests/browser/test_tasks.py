"""Tasks with a real browser: the newcomer path on a phone, a missed day made up, the figures at the desk."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import PHONE, House, People
from .test_appeal import both, picture, until
from .test_chat import say

pytestmark = pytest.mark.browser
EARLIER = """
import sys
from datetime import timedelta
from qunzhu.kernel.bootstrap import setup_django
setup_django()
from django.db import transaction
from qunzhu.engagement.makeup import card_entry
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.models import Community, Member
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.services import post_many
community = Community.objects.get(slug=sys.argv[1])
member = Member.objects.filter(community=community, display_name=sys.argv[2]).latest("pk")
now = SYSTEM_CLOCK.now()
events = []
for back in (4, 3, 2):
    day = local_day(now, community.timezone) - timedelta(days=back)
    named = event_id("checkin.done", community.pk, member.pk, day)
    body = {"day": day.isoformat(), "streak": 5 - back, "points": 2}
    events.append(NewEvent(community.pk, named, "checkin.done", now, body, member_id=member.pk))
with transaction.atomic():
    post_many(community_id=community.pk, entries=[card_entry(member.pk, 1, "gift:card", "", None)], now=now)
    log.append(raw_connection(), events, now=now)
"""


def test_a_path_is_walked_and_a_missed_day_made_up(house: House, people: People) -> None:
    phone = people.phone("周小麦")
    for text in ("大家好，我是新来的周小麦，做产品", "签到", "这周的资料在哪里看呀", "谢谢，我找到了"):
        say(phone, text)
    house.server.run("-c", EARLIER, house.slug, "周小麦")
    phone.goto(f"{house.server.url}/me/tasks/")
    until(phone, "新人之路")
    until(phone, "用补签卡补签")
    expect(phone.locator(".step-done")).to_have_count(2)
    both(phone, "tasks-member", "en", "zh-hans")
    phone.get_by_role("button", name=re.compile("用补签卡补签")).click()
    expect(phone.get_by_text("补好了,连续记录接上了")).to_be_visible()
    expect(phone.get_by_text(re.compile("已连续 5 天"))).to_be_visible()
    picture(phone, "tasks-mended")
    phone.set_viewport_size({"width": 1440, "height": 900})
    picture(phone, "tasks-member-wide")
    phone.set_viewport_size(PHONE)
    desk = people.desk("tasks/")
    until(desk, "新人之路")
    both(desk, "tasks-console", "en", "zh-hans")
    desk.get_by_role("link", name="介绍自己").click()
    expect(desk.get_by_role("link", name="周小麦").first).to_be_visible()
    both(desk, "tasks-people", "en", "zh-hans")
