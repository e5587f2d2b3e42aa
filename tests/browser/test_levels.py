"""Levels and scores with a real browser: the member's page, the lists at the desk, and how a level comes about."""

import pytest
from playwright.sync_api import expect

from .conftest import PHONE, House, People
from .test_appeal import both, picture

pytestmark = pytest.mark.browser
# A week of talk that lies behind, and the night's run over it.
TALK = """
import sys, time
from datetime import timedelta
from qunzhu.kernel.bootstrap import setup_django
setup_django()
from django.db import transaction
from qunzhu.engagement.levels import schedule
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Community, Group, Member
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
community = Community.objects.get(slug=sys.argv[1])
group = Group.objects.get(pk=int(sys.argv[2]))
one, two = (Member.objects.filter(community=community, display_name=n).latest("pk") for n in sys.argv[3:5])
now = SYSTEM_CLOCK.now()
texts = (
    "做周报我换了三次模板,最后留下的只有四行:本周结果、没做成的原因、下周最重要的一件事、需要谁帮忙。先写数字再写判断。",
    "面试官问离职原因,我一般说想做更大的项目,再举一个现在做不了的例子,对方多半会接着问细节,这时候才是展示的机会。",
    "早",
)
for day in range(1, 7):
    for number, text in enumerate(texts):
        said = f"{text}{'第%s天的一点体会' % day if len(text) > 9 else ''}"
        at = now - timedelta(days=day, hours=number)
        fact = event_id("browser", day, number)
        event = NewEvent(community.pk, fact, "message.posted", at, {"text": said, "links": [], "type": "text",
                         "nickname": one.display_name}, group.pk, one.pk, "local")
        with transaction.atomic():
            seq = log.append(raw_connection(), [event], now=now)[0].seq
        if number < 2:
            body = {"text": "这个办法我也想试一下", "links": [], "type": "quote", "reply_to": seq,
                    "nickname": two.display_name}
            with transaction.atomic():
                log.append(raw_connection(), [NewEvent(community.pk, event_id("browser", day, number, "answer"),
                           "message.posted", at, body, group.pk, two.pk, "local")], now=now)
at = (now + timedelta(days=1)).replace(hour=12)  # the schedule has perhaps reckoned today
for _ in range(300):
    if schedule.run_community(community, now=at):
        break
    time.sleep(0.1)
else:
    raise SystemExit("the run did not end")
"""


def test_a_level_and_why(house: House, people: People) -> None:
    phone = people.phone("周小麦")
    people.phone("何远")
    phone.goto(f"{house.server.url}/me/level/")
    expect(phone.get_by_role("heading", name="还没有优质内容")).to_be_visible()
    picture(phone, "level-new")
    house.server.run("-c", TALK, house.slug, str(house.group), "周小麦", "何远")
    phone.reload()
    expect(phone.locator(".best")).to_have_count(2)  # the others are nearly the same again
    expect(phone.locator(".rank-score")).to_be_visible()
    both(phone, "level", "en", "zh-hans")
    phone.set_viewport_size({"width": 1440, "height": 900})
    picture(phone, "level-wide")
    phone.set_viewport_size(PHONE)

    desk = people.desk("levels/")
    expect(desk.locator("main .table tbody tr").first).to_be_visible()
    both(desk, "levels-console", "en", "zh-hans")
    desk.get_by_role("link", name="周小麦").first.click()
    expect(desk.get_by_role("heading", name="周小麦 的等级")).to_be_visible()
    both(desk, "levels-console-one", "en", "zh-hans")
    desk.goto(house.console("scores/"))
    expect(desk.get_by_text("信息量").first).to_be_visible()
    both(desk, "scores-console", "en", "zh-hans")
    desk.get_by_role("button", name="不算优质").first.click()
    expect(desk.get_by_text("已记下:这条不算优质内容。")).to_be_visible()
