"""Messages lose their contents after a while, but for what somebody may still have to look at; all else holds."""

import pytest
from django.db import connection, transaction

from qunzhu.config import jobs
from qunzhu.config.subscriptions import CONSUMERS
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.events import blackbox, expire, seal
from qunzhu.kernel.events.bundle import Selection, export
from qunzhu.kernel.events.bundle_check import check
from qunzhu.kernel.events.rebuild import check_projections, rebuild
from qunzhu.kernel.events.runner import raw_connection
from tests.walks.test_erasing_a_member import rows

pytestmark = pytest.mark.django_db(transaction=True)


def verify(world):
    with transaction.atomic():
        *_, report = blackbox.verify(raw_connection(), world.community.pk, witnesses=())
    return [str(f) for f in report.findings], report.erased


def keep(world, days):
    governance = {**world.community.blueprint["governance"], "privacy": {"keep_messages": days}}
    world.community.blueprint = {**world.community.blueprint, "governance": governance}
    world.community.save()


def texts(world):
    return [e.body["text"] for e in world.events("message.posted") if e.body]


def expired(world):
    return expire.expire_messages(community_id=world.community.pk, now=world.clock.now())


@pytest.fixture
def old(world):
    """A month ago: one was reported by three, one broke the rules, one just talked; another word since."""
    world.join("小林", "小美", "阿强", "老王", "路人")
    said = world.say("小林", "天天刷这些有意思吗")
    for name in ("小美", "阿强", "老王"):
        world.say(name, "举报 骚扰", reply_to=said)
    for number in range(6):
        world.say("路人", f"早安 {number}")
    world.settle()
    world.later(days=31)
    world.say("小美", "今天的话")
    world.settle()
    seal.seal_now(community_id=world.community.pk, now=world.clock.now())
    return world


def test_what_is_too_old_goes_and_open_evidence_stays(old):
    world = old
    keep(world, 30)
    case = Case.objects.get(kind="member_reported")
    reports = [e for e in world.events("report.filed") if e.seq in {case.event_seq, *case.evidence}]
    evidence = {e.body[name] for e in reports for name in ("target_seq", "cause_seq")}
    assert len(evidence) == 4  # the message, and three who reported it
    before = len([e for e in world.events("message.posted", "command.posted") if e.body])
    taken = expired(world)
    left = [e.seq for e in world.events("message.posted", "command.posted") if e.body]
    assert taken == before - len(left)
    assert "今天的话" in texts(world)
    assert not any("早安" in text for text in texts(world))
    spoken = {e.seq for e in world.events("message.posted", "command.posted")}
    assert set(left) - {left[-1]} == evidence & spoken
    (record,) = world.events("messages.expired")
    assert (record.body["events"], record.body["kept"]) == (taken, sorted(evidence & spoken))
    assert verify(world) == ([], taken)
    assert expired(world) == 0  # the same day again: nothing is left to do, nothing is said
    assert len(world.events("messages.expired")) == 1


def test_the_evidence_goes_once_its_case_is_decided(old):
    world = old
    keep(world, 30)
    expired(world)
    kept = world.events("messages.expired")[0].body["kept"]
    for case in Case.objects.filter(state="open").order_by("pk"):
        world.decide(case.kind, "dismiss", pk=case.pk)
    assert expired(world) == len(kept)
    assert [e.body["kept"] for e in world.events("messages.expired")] == [kept, []]
    assert texts(world) == ["今天的话"]
    findings, _ = verify(world)
    assert findings == []


def test_a_body_that_goes_without_the_rule_is_still_named(old):
    world = old
    keep(world, 30)
    expired(world)
    kept = world.events("messages.expired")[0].body["kept"]
    today = world.events("message.posted")[-1].seq
    gone = [kept[0], today]
    before = rows("event")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE aside AS SELECT * FROM event WHERE seq = ANY(%s)", [gone])
        cursor.execute("UPDATE event SET body = NULL, salt = NULL WHERE seq = ANY(%s)", [gone])
    findings, _ = verify(world)
    assert findings == [
        f"event {seq}: body and salt are gone, but no member.erased or messages.expired covers this row" for seq in gone
    ]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE event e SET body = a.body, salt = a.salt FROM aside a WHERE a.seq = e.seq")
    assert rows("event") == before


def test_projections_rebuild_to_the_same_rows(old):
    world = old
    keep(world, 30)
    expired(world)
    world.say("路人", "又来了")
    world.settle()
    tables = [table for consumer in CONSUMERS for table in consumer.tables]
    before = {table: rows(table) for table in tables}
    found = check_projections(world.community.pk, CONSUMERS)
    assert {r.consumer: [str(d) for d in r.differences] for r in found if r.differing} == {}
    for consumer in CONSUMERS:
        if consumer.tables:
            rebuild(world.community.pk, consumer)
    assert {table: rows(table) for table in tables} == before


def test_a_bundle_of_expired_messages_still_proves_who_spoke_when(old, tmp_path):
    world = old
    keep(world, 30)
    taken = expired(world)
    file = tmp_path / "all.zip"
    export(
        community_id=world.community.pk, selection=Selection(until=world.clock.now()), path=file,
        now=world.clock.now(),
    )  # fmt: skip
    assert check(file)["erased"] == taken


def test_without_the_setting_nothing_goes_and_the_job_asks_every_community(old):
    world = old
    now = world.clock.now().timestamp()
    assert jobs.expire_messages.func(now) == 0
    assert world.events("messages.expired") == []
    keep(world, 60)
    assert jobs.expire_messages.func(now) == 0
    keep(world, 30)
    assert jobs.expire_messages.func(now) > 0


def test_what_a_consumer_has_not_heard_is_not_taken_from_it(old):
    world = old
    keep(world, 30)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE consumer_cursor SET seq = 0 WHERE community_id = %s AND consumer = 'rollups'", [world.community.pk]
        )
    assert expired(world) == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consumer_cursor c SET seq = (SELECT seq FROM event_head h WHERE h.community_id ="
                       " c.community_id) WHERE consumer = 'rollups'")  # fmt: skip
