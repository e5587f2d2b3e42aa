"""A member asks to be forgotten: their words and name are gone from every table, and everything still verifies."""

import pytest
from django.db import connection, transaction

from qunzhu.config.subscriptions import CONSUMERS
from qunzhu.kernel.connectors.local.services import set_profile
from qunzhu.kernel.events import blackbox, seal
from qunzhu.kernel.events.erase import erase_member
from qunzhu.kernel.events.rebuild import check_projections, rebuild
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


def rows(table):
    return raw_connection().execute(f'SELECT * FROM "{table}" t ORDER BY t::text').fetchall()


def test_a_rebuild_keeps_what_was_decided_on_erased_words_and_compares_the_rest(world):
    world.join(NAME, "小美", "阿强")
    for number in range(6):
        world.say(NAME, f"{WORDS} {number}")
        world.say("小美", f"早安 {number}")
    world.say(NAME, "举报 刷屏", reply_to=world.say("阿强", "来了"))
    world.settle()
    erase_member(community_id=world.community.pk, member_id=world.id_of(NAME), by="owner", now=world.clock.now())
    world.settle()
    tables = [table for consumer in CONSUMERS for table in consumer.tables]
    before = {table: rows(table) for table in tables}
    found = {r.consumer: (r.differing, r.kept) for r in check_projections(world.community.pk, CONSUMERS)}
    assert {name: differing for name, (differing, _) in found.items() if differing} == {}
    assert {name for name, (_, kept) in found.items() if kept} == {"order", "governance", "quality_score", "rollups"}
    for consumer in CONSUMERS:
        if consumer.tables:
            result = rebuild(world.community.pk, consumer)
            assert (result.differing, result.kept) == found[consumer.name]
    assert {table: rows(table) for table in tables} == before

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE decision SET sentence = 'x' WHERE member_id = ANY(%s)", [[world.id_of(NAME), world.id_of("小美")]]
        )
        cursor.execute("UPDATE member_day SET messages = 99 WHERE member_id = %s", [world.id_of(NAME)])
    differences = [d for r in check_projections(world.community.pk, CONSUMERS) for d in r.differences]
    assert [(d.table, d.live["member_id"]) for d in differences] == [
        ("decision", world.id_of("小美")), ("member_day", world.id_of(NAME)),
    ]  # fmt: skip
    for consumer in CONSUMERS:
        if consumer.tables:
            rebuild(world.community.pk, consumer)


def _verify(world):
    with transaction.atomic():
        *_, report = blackbox.verify(raw_connection(), world.community.pk, witnesses=())
    return report


def test_the_name_in_a_decision_on_reports_is_forgotten_too(world):
    world.join(NAME, "甲", "乙", "丙")
    said = world.say(NAME, "都来加我")
    for reporter in ("甲", "乙", "丙"):
        world.say(reporter, "举报 骚扰", reply_to=said)
    world.settle()
    (decided,) = world.events("decision.made")
    assert decided.body["sentence"].startswith(f"{NAME} 24 小时内被 3 位成员举报")
    assert {"event", "decision", "case"} <= set(tables_with(NAME))
    erase_member(community_id=world.community.pk, member_id=world.id_of(NAME), by="owner", now=world.clock.now())
    world.settle()
    assert tables_with(NAME) == []
    assert _verify(world).findings == []
    assert [r for r in check_projections(world.community.pk, CONSUMERS) if r.differing] == []


def test_erasing_a_reporter_takes_no_name_of_the_reported(world):
    world.join(NAME, "甲")
    said = world.say("甲", "都来加我")
    world.say(NAME, "举报 骚扰", reply_to=said)
    world.settle()
    erase_member(community_id=world.community.pk, member_id=world.id_of(NAME), by="owner", now=world.clock.now())
    world.settle()
    assert tables_with(NAME) == []
    assert "甲" in world.console("members/")
    assert "都来加我" in world.seen_by("甲")
