"""A member asks to be forgotten: their words and name are gone from every table, and everything still verifies."""

import pytest
from django.db import connection, transaction

from qunzhu.kernel.connectors.local.services import set_profile
from qunzhu.kernel.events import blackbox, seal
from qunzhu.kernel.events.erase import erase_member
from qunzhu.kernel.events.runner import raw_connection

pytestmark = pytest.mark.django_db(transaction=True)

NAME, WORDS = "林黛玉九号", "葬花吟"


def tables_with(text):
    """Every table of the database that holds `text` anywhere in a row."""
    found = []
    for table in connection.introspection.table_names():
        rows = raw_connection().execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{text}%"])
        if rows.fetchone()[0]:
            found.append(table)
    return found


def test_forgotten_everywhere_and_still_verified(world):
    world.join(NAME, "小美")
    for number in range(7):
        world.say(NAME, f"{WORDS} {number}")
    said = world.say("小美", f"{NAME} 写得真好")
    world.say("小美", "举报 太吵", reply_to=said - 1)
    world.say("小美", "签到")
    world.settle()
    seal.seal_now(community_id=world.community.pk, now=world.clock.now())
    assert "event" in tables_with(WORDS)
    before = world.log()
    assert sum(WORDS in line for line in before) == 7

    member = world.id_of(NAME)
    erased = erase_member(community_id=world.community.pk, member_id=member, by="owner", now=world.clock.now())
    world.settle()
    assert tables_with(WORDS) == []
    # What another member said stays hers, also where it names the person.
    assert [e.body["text"] for e in world.events("message.posted") if e.body] == [f"{NAME} 写得真好"]
    assert tables_with(NAME) == ["event"]
    assert [line for line in world.log() if not line.startswith("case")] == ["member.left 林黛玉九号", "member.erased"]

    # What was decided on erased words stands without them; it cannot be decided again.
    world.forgotten = frozenset({"decision", "penalty", "report", "engine_state", "group_hour"})
    report = _verify(world)
    assert (report.findings, report.erased) == ([], erased.events)
    assert world.try_say(NAME, "我还在吗")[0] in {401, 403}
    page = world.console(f"members/{member}/")
    assert NAME not in page
    assert WORDS not in page
    assert WORDS not in world.console("feed/")
    assert WORDS not in "".join(world.seen_by("小美"))


def test_a_name_in_an_announcement_is_forgotten_too(world):
    world.join(NAME)
    set_profile(group=world.groups[0], profile="personal-wechat")
    world.say(NAME, "跟我做,稳赚不赔")
    world.settle()
    assert world.room.announcement.startswith(f"{NAME} 的消息含「稳赚不赔」")
    erase_member(community_id=world.community.pk, member_id=world.id_of(NAME), by="owner", now=world.clock.now())
    world.settle()
    assert tables_with(NAME) == []
    world.forgotten = frozenset({"decision", "engine_state", "group_hour"})
    assert _verify(world).findings == []


def test_erased_before_the_consumers_came_to_it(world):
    """Nothing that reads the log later may stumble over what is gone."""
    world.join(NAME, "小美")
    for number in range(7):
        world.say(NAME, f"{WORDS} {number}")
    world.say("小美", "举报", reply_to=world.say(NAME, "再来"))
    assert world.post(NAME, "/rename", nickname="新名字").status_code == 200
    erase_member(community_id=world.community.pk, member_id=world.id_of(NAME), by="owner", now=world.clock.now())
    world.settle()  # what always holds is checked after every story
    assert tables_with(WORDS) == []
    world.forgotten = frozenset({"decision"})


def _verify(world):
    with transaction.atomic():
        *_, report = blackbox.verify(raw_connection(), world.community.pk, witnesses=())
    return report
