"""The live stream: no gap, no duplicate, nothing that is not for these eyes, and a clean end."""

import asyncio
from datetime import timedelta

import pytest
from django.db import connection, transaction

from qunzhu.kernel.connectors.local import rooms
from qunzhu.kernel.connectors.local.rooms import Act
from qunzhu.kernel.connectors.local.tests.rooms_made import NOW, make_scene
from qunzhu.kernel.connectors.local.tokens import console_token
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.receive import stream as stream_module
from qunzhu.receive.app import Limits
from qunzhu.receive.tests.served import cookie, page, post, serve
from qunzhu.receive.views import unread

pytestmark = pytest.mark.django_db(transaction=True)


async def in_thread(work):
    """Run database work of the test beside the loop, and leave no connection behind."""

    def call():
        try:
            with transaction.atomic():
                return work()
        finally:
            connection.close()

    return await asyncio.to_thread(call)


def test_a_page_gets_state_then_what_happens_in_its_group_only():
    scene = make_scene()
    other = make_scene(slug="other")
    one, two = scene.people

    async def work(client, app):
        async with page(app, "/live/local", cookie(one), group=scene.group.pk) as chat:
            state = await chat.next("state")
            await post(client, other.people[0], group=other.group.pk, client_id="x", text="别处")
            await post(client, two, group=scene.group.pk, client_id="r", text="举报 广告", mentions=[one.member.pk])
            await post(client, two, group=scene.group.pk, client_id="a", text="你好")
            return state, await chat.next()

    state, event = serve(work)
    assert state == {
        "group": scene.group.pk, "name": "一群", "profile": "full", "profile_title": "全部能力", "state": "active",
        "frozen": False, "announcement": "", "members": 3, "capacity": 500, "head": scene.start,
        "me": {
            "member": one.member.pk, "inside": True, "removed": False, "nickname": "成员1", "role": "member",
            "muted_until": None, "last_read_seq": scene.start - 2,
        },
        "unread": 0,
    }  # fmt: skip
    assert event == {
        "seq": scene.start + 2,
        "kind": "message.posted",
        "group": scene.group.pk,
        "member": two.member.pk,
        "at": NOW.isoformat(),
        "body": {"text": "你好", "type": "text", "nickname": "成员2"},
    }


def test_what_is_private_reaches_its_member_only():
    scene = make_scene()
    one, two = scene.people

    def answer():
        act = Act(scene.community.pk, scene.group.pk, "qunzhu", NOW)
        said = [
            rooms.sent(act, "answer", "已收到", to=two.member.pk, private=True), rooms.sent(act, "say", "大家好"),
        ]  # fmt: skip
        log.append(raw_connection(), said, now=NOW)

    async def work(client, app):
        async with (
            page(app, "/live/local", cookie(one), group=scene.group.pk) as other,
            page(app, "/live/local", cookie(two), group=scene.group.pk) as own,
        ):
            await other.next("state")
            await own.next("state")
            await in_thread(answer)
            live = [(await other.next())["body"]["text"], (await own.next())["body"]["text"]]
        texts = []
        for who in (one, two):
            found = await client.get("/in/local/history", params={"group": scene.group.pk}, headers=cookie(who))
            texts.append([e["body"]["text"] for e in found.json()["events"] if e["kind"] == "message.sent"])
        return live, texts

    assert serve(work) == (["大家好", "已收到"], [["大家好"], ["已收到", "大家好"]])
    raw = raw_connection()
    assert [unread(raw, scene.community.pk, scene.group.pk, who.member.pk, scene.start) for who in (one, two)] == [1, 2]


def test_decisions_and_cases_never_reach_members_but_the_console_hears_everything():
    scene = make_scene()
    one = scene.people[0]

    def decide():
        events = [
            NewEvent(scene.community.pk, event_id("d"), "decision.made", NOW, {"rule": "r"}, scene.group.pk, 5),
            NewEvent(scene.community.pk, event_id("f"), "report.filed", NOW, {"target": 5}, scene.group.pk, 6),
        ]
        log.append(raw_connection(), events, now=NOW)

    async def work(client, app):
        token = console_token(scene.community.pk)
        async with (
            page(app, "/live/local", cookie(one), group=scene.group.pk) as chat,
            page(app, "/live/console", {}, token=token) as console,
        ):
            await chat.next("state")
            await in_thread(decide)
            await post(client, one, group=scene.group.pk, client_id="a", text="你好")
            return await chat.next(), [await console.next() for _ in range(3)]

    seen, heard = serve(work)
    assert seen["kind"] == "message.posted"
    assert [(e["seq"] - scene.start, e["kind"]) for e in heard] == [
        (1, "decision.made"), (2, "report.filed"), (3, "message.posted"),
    ]  # fmt: skip


def test_a_page_resumes_where_it_was_without_gap_or_duplicate_under_load():
    scene = make_scene(people=6)
    reader = scene.people[0]

    async def work(client, app):
        async def speak(who):
            for n in range(30):
                await post(client, who, group=scene.group.pk, client_id=str(n), text=str(n))

        speaking = [asyncio.create_task(speak(p)) for p in scene.people[1:]]
        seen: list[int] = []
        while len(seen) < 150:
            resume = {"last-event-id": str(seen[-1])} if seen else {}
            after = {} if seen else {"after": scene.start}
            async with page(app, "/live/local", cookie(reader) | resume, group=scene.group.pk, **after) as chat:
                seen += [(await chat.next())["seq"] for _ in range(min(17, 150 - len(seen)))]
        await asyncio.gather(*speaking)
        return seen, app.state.receiver.stream.subscribers

    seen, left = serve(work, Limits(posts_at_once=100))
    assert seen == list(range(scene.start + 1, scene.start + 151))
    assert left == 0


def test_a_page_that_cannot_keep_up_goes_back_to_the_log(monkeypatch):
    monkeypatch.setattr(stream_module, "QUEUE", 5)
    scene = make_scene()

    def many(name: str, count: int):
        events = [
            NewEvent(scene.community.pk, event_id(name, n), "message.posted", NOW, {"text": str(n)}, scene.group.pk, 1)
            for n in range(count)
        ]
        log.append(raw_connection(), events, now=NOW)

    async def work(client, app):
        stream = app.state.receiver.stream
        pages = stream.console_pages(scene.community.pk, None)
        assert await anext(pages) == b"retry: 1000\n\n"
        frames = [asyncio.ensure_future(anext(pages))]
        await in_thread(lambda: many("a", 1))
        seen = [await frames[0]]
        await in_thread(lambda: many("b", 60))  # nobody takes anything out of the queue meanwhile
        channel = stream.channels[scene.community.pk]
        async with asyncio.timeout(10):
            while channel.position < scene.start + 61:  # noqa: ASYNC110  (nothing of the product waits for this)
                await asyncio.sleep(0)
        (subscriber,) = channel.subscribers
        lagging = subscriber.lagging
        seen += [await anext(pages) for _ in range(60)]
        await pages.aclose()
        return lagging, [int(f.split(b"\n", 1)[0].removeprefix(b"id: ")) for f in seen]

    lagging, seen = serve(work)
    assert lagging is True
    assert seen == list(range(scene.start + 1, scene.start + 62))


def test_a_removed_member_hears_it_and_the_page_is_closed():
    scene = make_scene()
    one, two = scene.people

    def remove():
        act = Act(scene.community.pk, scene.group.pk, "qunzhu", NOW, "e1")
        log.append(raw_connection(), [rooms.remove(raw_connection(), act, one.member.pk)], now=NOW)

    async def work(client, app):
        async with (
            page(app, "/live/local", cookie(one), group=scene.group.pk) as gone,
            page(app, "/live/local", cookie(two), group=scene.group.pk) as stays,
        ):
            await gone.next("state")
            await stays.next("state")
            await in_thread(remove)
            return (
                (await gone.next())["kind"], (await gone.next("state"))["me"]["removed"], await gone.closed(),
                (await stays.next())["body"],
            )  # fmt: skip

    assert serve(work) == ("member.removed", True, True, {"by": "qunzhu"})


def test_a_mute_reaches_the_page_as_state_with_its_end():
    scene = make_scene()
    one = scene.people[0]
    until = NOW + timedelta(hours=1)

    def mute():
        act = Act(scene.community.pk, scene.group.pk, "qunzhu", NOW, "e1")
        log.append(raw_connection(), [rooms.mute(raw_connection(), act, one.member.pk, until)], now=NOW)

    async def work(client, app):
        async with page(app, "/live/local", cookie(one), group=scene.group.pk) as chat:
            await chat.next("state")
            await in_thread(mute)
            return (await chat.next())["kind"], (await chat.next("state"))["me"]["muted_until"]

    assert serve(work) == ("member.muted", until.isoformat())


def test_a_quiet_page_gets_heartbeats_and_shutdown_ends_it():
    scene = make_scene()
    ended: list[bool] = []

    async def work(client, app):
        async with page(app, "/live/local", cookie(scene.owner), group=scene.group.pk) as chat:
            await chat.next("state")
            await chat.next("heartbeat")
            await app.state.receiver.stream.stop()
            ended.append(await chat.closed())

    serve(work, Limits(heartbeat=0.05))
    assert ended == [True]


def test_history_of_recalled_messages_stays_empty_when_a_page_resumes():
    scene = make_scene()
    one = scene.people[0]
    seq = scene.say(one.member.pk, "说错了")

    async def work(client, app):
        await post(client, one, "/recall", group=scene.group.pk, seq=seq)
        async with page(app, "/live/local", cookie(scene.owner), group=scene.group.pk, after=scene.start) as chat:
            return [await chat.next(), await chat.next()]

    first, second = serve(work)
    assert first["body"] == {"recalled": True, "type": "text", "nickname": "x", "text": ""}
    assert (second["kind"], second["body"]) == ("message.recalled", {"target": seq, "by": "member"})
