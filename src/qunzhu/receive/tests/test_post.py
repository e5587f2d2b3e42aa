"""POST /in/local: what is acknowledged is in the log, what is refused is not, and each refusal says why."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from django.db import connection, transaction

from qunzhu.kernel.connectors.local.models import Occupant, Room
from qunzhu.kernel.connectors.local.services import join_room, set_profile
from qunzhu.kernel.connectors.local.tests.rooms_made import NOW, make_scene
from qunzhu.kernel.connectors.local.tokens import MemberToken, member_token, session_token
from qunzhu.receive.app import Limits, create_app, lifespan
from qunzhu.receive.tests.served import cookie, post, serve

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_post_is_acknowledged_with_its_place_in_the_log():
    scene = make_scene()
    one = scene.people[0]

    async def work(client, app):
        first = await post(
            client, one, group=scene.group.pk, client_id="a", text="  大家早\x00上好 https://a.cn/x?y=1 "
        )
        again = await post(client, one, group=scene.group.pk, client_id="a", text="不同的内容")
        return first, again

    first, again = serve(work)
    assert (first.status_code, first.json()) == (200, {"seq": scene.start + 1})
    assert (again.status_code, again.json()) == (200, {"seq": scene.start + 1})
    (event,) = scene.events()
    assert (event.kind, event.group_id, event.member_id) == ("message.posted", scene.group.pk, one.member.pk)
    assert (event.occurred_at, event.connector, event.historic) == (NOW, "local", False)
    assert event.body == {
        "platform_id": event.id.hex,
        "text": "大家早上好 https://a.cn/x?y=1",
        "type": "text",
        "links": ["https://a.cn/x?y=1"],
        "nickname": "成员1",
    }


def test_commands_quotes_mentions_and_reports():
    scene = make_scene()
    one, two = scene.people
    quoted = scene.say(two.member.pk, "加我微信")
    scene.start = quoted

    async def work(client, app):
        group = scene.group.pk
        answers = [
            await post(client, one, group=group, client_id="1", text="签到"),
            await post(client, one, group=group, client_id="2", text="举报 广告", reply_to=quoted),
            await post(client, one, group=group, client_id="3", text="/举报 骚扰", mentions=[two.member.pk]),
            await post(
                client, one, group=group, client_id="4", text="签到以后做什么", mentions=[5, 5], reply_to=quoted
            ),
            await post(client, one, group=group, client_id="5", text="x", reply_to=10**6),
        ]
        return [a.status_code for a in answers], answers[-1].json()["error"]

    assert serve(work) == ([200, 200, 200, 200, 400], "unknown_message")
    events = scene.events()
    assert [e.kind for e in events] == ["command.posted", "command.posted", "command.posted", "message.posted"]
    assert (events[0].body["command"], events[0].body["args"]) == ("checkin", "")
    report = {k: events[1].body[k] for k in ("command", "args", "target", "target_seq", "reply_to", "type")}
    assert report == {
        "command": "report", "args": "广告", "target": two.member.pk, "target_seq": quoted, "reply_to": quoted,
        "type": "quote",
    }  # fmt: skip
    assert (events[2].body["target"], "target_seq" in events[2].body) == (two.member.pk, False)
    assert (events[3].body["mentions"], events[3].body["type"]) == ([5], "quote")


def test_a_name_typed_after_report_is_the_one_member_of_the_room_who_has_it():
    scene = make_scene()
    one = scene.people[0]
    with transaction.atomic():
        bob, bobby, *twins = [
            join_room(room=scene.room, nickname=name, via="link", now=NOW).member.pk
            for name in ("Bob", "Bob Lee", "小明", "小明")
        ]
    outside = make_scene(slug="other", people=3)
    scene.start = scene.events()[-1].seq
    typed = [
        "举报 @Bob 广告", "举报@Bob,广告", "/举报 Bob", "举报 @Bob Lee 广告", "举报 @Bobby 广告", "举报 bob 广告",
        "举报 小明 骂人", "举报 广告", f"举报 @{outside.people[2].member.display_name}", "举报 @成员1",
    ]  # fmt: skip

    async def work(client, app):
        for number, text in enumerate(typed):
            answer = await post(client, one, group=scene.group.pk, client_id=str(number), text=text)
            assert answer.status_code == 200

    serve(work)
    assert len(twins) == 2
    assert [{k: v for k, v in e.body.items() if k.startswith("target")} for e in scene.events()] == [
        {"target": bob}, {"target": bob}, {"target": bob}, {"target": bobby}, {}, {}, {"target_unclear": True}, {}, {},
        {"target": one.member.pk},
    ]  # fmt: skip


def test_malformed_huge_and_hostile_requests_are_refused_and_write_nothing():
    scene = make_scene()
    one = scene.people[0]
    group = scene.group.pk
    json_header = {"content-type": "application/json", **cookie(one)}
    ok = b'{"group": %d, "client_id": "a", "text": "x"}' % group

    async def work(client, app):
        async def raw(body, headers):
            answer = await client.post("/in/local", content=body, headers=headers)
            assert answer.headers["content-type"] == "application/json; charset=utf-8"
            assert answer.json()["message"]
            return answer.status_code, answer.json()["error"]

        async def chunks():
            for _ in range(20):
                yield b"x" * 10_000

        big = b'{"group": %d, "client_id": "a", "text": "%s"}' % (group, b"x" * 70_000)
        long = b'{"group": %d, "client_id": "a", "text": "%s"}' % (group, "好".encode() * 4_001)
        return [
            await raw(b"{", json_header),
            await raw(b"[]", json_header),
            await raw(b"", json_header),
            await raw(b'{"group": "1", "client_id": "a"}', json_header),
            await raw(b'{"group": %d, "client_id": ""}' % group, json_header),
            await raw(b'{"group": 9223372036854775808, "client_id": "a", "text": "x"}', json_header),
            await raw(b'{"group": %d, "client_id": "a", "text": "\xff\xfe"}' % group, json_header),
            await raw(b'{"group": %d, "client_id": "a", "text": "\\ud800"}' % group, json_header),
            await raw(b'{"group": %d, "client_id": "a", "text": " \\u0000 "}' % group, json_header),
            await raw(b'{"group": %d, "client_id": "a", "text": "\\u200b \\u202e"}' % group, json_header),
            await raw(b'{"group": %d, "client_id": "a", "type": "video"}' % group, json_header),
            await raw(long, json_header),
            await raw(big, json_header),
            await raw(chunks(), json_header),
            await raw(ok, {"content-type": "text/plain", **cookie(one)}),
            await raw(ok, {"content-type": "application/x-www-form-urlencoded", **cookie(one)}),
            await raw(ok, {"content-type": "application/json"}),
            await raw(ok, {"content-type": "application/json", "cookie": "qz_member=1.2.forged"}),
            await raw(ok, {"content-type": "application/json", "cookie": f"qz_member={one.token}x"}),
        ]

    assert serve(work) == [
        *[(400, "malformed")] * 8,
        *[(400, "empty")] * 2,
        (400, "malformed"),
        (400, "too_long"),
        *[(413, "too_large")] * 2,
        *[(403, "forged")] * 2,
        *[(401, "no_member")] * 3,
    ]
    assert scene.kinds() == []


def test_only_people_of_the_room_may_speak_in_it():
    scene = make_scene()
    other = make_scene(slug="other")
    stranger = member_token(scene.community.pk, other.people[0].member.pk)
    removed = scene.people[1]
    Occupant.objects.filter(member_id=removed.member.pk).update(removed_at=NOW)

    async def work(client, app):
        answers = [
            await post(client, scene.people[0], group=10**9, client_id="a", text="x"),
            await post(client, other.people[0], group=scene.group.pk, client_id="a", text="x"),
            await client.post(
                "/in/local",
                json={"group": scene.group.pk, "client_id": "a", "text": "x"},
                headers={"cookie": f"qz_member={stranger}"},
            ),
            await post(client, removed, group=scene.group.pk, client_id="a", text="x"),
        ]
        return [(a.status_code, a.json()["error"]) for a in answers]

    assert serve(work) == [(404, "unknown_group")] * 2 + [(403, "not_member"), (403, "removed")]
    assert scene.kinds() == []


def mute_in_own_thread(member_id, until):
    try:
        Occupant.objects.filter(member_id=member_id).update(muted_until=until)
    finally:
        connection.close()


def test_a_muted_member_is_told_until_when_and_only_where_the_platform_can_mute():
    scene = make_scene()
    one = scene.people[0]
    until = NOW + timedelta(hours=1)

    async def work(client, app):
        said = await post(client, one, group=scene.group.pk, client_id="before", text="x")
        await asyncio.to_thread(mute_in_own_thread, one.member.pk, until)
        refused = await post(client, one, group=scene.group.pk, client_id="after", text="x")
        repeated = await post(client, one, group=scene.group.pk, client_id="before", text="x")
        app.state.clock.move_to(until)
        freed = await post(client, one, group=scene.group.pk, client_id="freed", text="x")
        return said, refused, repeated, freed

    said, refused, repeated, freed = serve(work)
    assert (refused.status_code, refused.json()) == (
        403,
        {
            "error": "muted",
            "message": "先休息一下，13:00 恢复发言。觉得不对？发“申诉 原因”",
            "until": until.isoformat(),
        },
    )
    assert repeated.json() == said.json()  # what was acknowledged stays acknowledged
    assert freed.json() == {"seq": scene.start + 2}
    assert scene.kinds() == ["message.posted"] * 2
    for profile in ("personal-wechat", "wecom-customer-group"):
        set_profile(group=scene.group, profile=profile)

        async def speak(client, app, name=profile):
            return await post(client, one, group=scene.group.pk, client_id=name, text="x")

        assert serve(speak).status_code == 200


def test_a_frozen_room_is_open_to_its_leaders_only():
    scene = make_scene()
    Room.objects.update(frozen=True)

    async def work(client, app):
        member = await post(client, scene.people[0], group=scene.group.pk, client_id="a", text="x")
        owner = await post(client, scene.owner, group=scene.group.pk, client_id="a", text="x")
        return member.status_code, member.json()["error"], owner.status_code

    assert serve(work) == (403, "frozen", 200)
    set_profile(group=scene.group, profile="personal-wechat")

    async def again(client, app):
        return (await post(client, scene.people[0], group=scene.group.pk, client_id="b", text="x")).status_code

    assert serve(again) == 200


def test_too_fast_is_refused_with_the_seconds_to_wait():
    scene = make_scene()

    async def work(client, app):
        first, second = [
            [await post(client, who, group=scene.group.pk, client_id=str(n), text="x") for n in range(4)]
            for who in scene.people
        ]
        return [a.status_code for a in first], [a.status_code for a in second], first[-1]

    first, second, last = serve(work, Limits(posts_per_second=0.25, posts_at_once=3))
    assert first == second == [200, 200, 200, 429]
    assert (last.json()["error"], last.headers["retry-after"]) == ("too_fast", "4")
    assert len(scene.events()) == 6


def test_senders_at_once_share_transactions_and_keep_their_own_order():
    scene = make_scene(people=10)

    async def work(client, app):
        async def sender(who):
            return [
                (await post(client, who, group=scene.group.pk, client_id=str(n), text=f"{n}")).json()["seq"]
                for n in range(15)
            ]

        seqs = await asyncio.gather(*[sender(p) for p in scene.people])
        return seqs, app.state.receiver.commit.batches

    seqs, batches = serve(work)
    assert sorted(s for each in seqs for s in each) == list(range(scene.start + 1, scene.start + 151))
    for each in seqs:
        assert each == sorted(each)
    assert batches < 150
    told = {(e.member_id, e.body["text"]): e.seq for e in scene.events()}
    for person, each in zip(scene.people, seqs, strict=True):
        assert [told[person.member.pk, str(n)] for n in range(15)] == each


def test_a_mute_that_is_in_the_log_before_a_message_always_stops_it():
    """Posts race with a mute: whatever was acknowledged stands before `member.muted` in the log."""
    from qunzhu.kernel.connectors.local import rooms
    from qunzhu.kernel.connectors.local.rooms import Act
    from qunzhu.kernel.events import log
    from qunzhu.kernel.events.runner import raw_connection

    scene = make_scene()
    one = scene.people[0]

    def mute() -> None:
        with transaction.atomic():
            act = Act(scene.community.pk, scene.group.pk, "qunzhu", NOW, "e")
            event = rooms.mute(raw_connection(), act, one.member.pk, NOW + timedelta(hours=1))
            log.append(raw_connection(), [event], now=NOW)
        connection.close()

    async def work(client, app):
        async def say(n):
            return (await post(client, one, group=scene.group.pk, client_id=str(n), text="x")).status_code

        first = [asyncio.create_task(say(n)) for n in range(40)]
        muting = asyncio.create_task(asyncio.to_thread(mute))
        codes = await asyncio.gather(*first)
        await muting
        return [*codes, await say("last")]

    codes = serve(work, Limits(posts_at_once=100))
    kinds = scene.kinds()
    assert codes[-1] == 403
    assert kinds.count("message.posted") == codes.count(200)
    assert kinds[-1] == "member.muted"


def test_a_browser_in_two_communities_acts_in_each_as_its_own_member_and_in_no_other_way():
    here, there = make_scene(), make_scene(slug="other")
    one, other = here.people[0], there.people[0]
    stranger = there.people[1]
    members = [MemberToken(s.community.pk, j.member.pk) for s, j in ((here, one), (there, other))]
    both = {"cookie": f"qz_member={session_token(members)}"}

    async def work(client, app):
        async def say(scene, named, cookies=both):
            query = "" if named is None else f"?as={named}"
            body = {"group": scene.group.pk, "client_id": f"{named}", "text": "x"}
            answer = await client.post(f"/in/local{query}", json=body, headers=cookies)
            return answer.status_code, answer.json().get("error")

        async def read(path, scene, named):
            answer = await client.get(f"/in/local/{path}?group={scene.group.pk}&as={named}", headers=both)
            return answer.status_code

        mine = {"cookie": f"qz_member={one.token}"}
        allowed = [await say(here, one.member.pk), await say(there, other.member.pk), await say(here, None)]
        refused = [
            await say(there, None),  # who looks now is the first one, who is nobody there
            await say(there, one.member.pk), await say(here, other.member.pk),
            await say(there, stranger.member.pk), await say(here, 0), await say(here, "x"), await say(here, ""),
            await say(here, other.member.pk, mine),
        ]  # fmt: skip
        reads = [
            await read(path, scene, named.member.pk)
            for path in ("history", "members", "state")
            for scene, named in ((here, one), (there, other), (there, one), (here, other), (here, stranger))
        ]
        return allowed, refused, reads

    allowed, refused, reads = serve(work)
    assert allowed == [(200, None)] * 3
    assert refused == [*[(404, "unknown_group")] * 3, *[(401, "no_member")] * 5]
    assert reads == [200, 200, 404, 404, 401] * 3
    assert [(e.member_id, e.kind) for e in here.events()] == [(one.member.pk, "message.posted")] * 2
    assert [(e.member_id, e.kind) for e in there.events()] == [(other.member.pk, "message.posted")]


def test_refusals_speak_the_language_that_the_reader_chose():
    scene = make_scene()
    (one, _) = scene.people
    Occupant.objects.filter(member_id=one.member.pk).update(muted_until=NOW + timedelta(minutes=25))
    english = {"cookie": f"a=1; django_language=en; qz_member={one.token}"}

    async def work(client, app):
        group, said = scene.group.pk, []
        for cookies in (
            english,
            {"cookie": f"qz_member={one.token}; django_language=fr"},
            {"cookie": "django_language=en"},
        ):
            body = {"group": group, "client_id": "a", "text": "x"}
            said.append((await client.post("/in/local", json=body, headers=cookies)).json()["message"])
            said.append((await client.get("/in/local/history?group=99", headers=cookies)).json()["message"])
        said.append((await client.post("/in/local/recall", json={"group": group, "seq": 9**9}, headers=english)).json())
        said.append((await client.get("/in/local/state", headers=english)).json())
        return said

    unknown = "We do not know who you are. Come in again by the link of the group."
    assert serve(work) == [
        "Take a break: you can post again in 25 minutes. Is this wrong? Ask the group's owner.",
        "There is no such group.",
        "先休息一下，12:25 恢复发言。觉得不对？发“申诉 原因”",
        "没有找到这个群",
        unknown,
        unknown,
        {"error": "unknown_message", "message": "This message was not found."},
        {"error": "malformed", "message": "This request could not be understood. Reload the page and try again."},
    ]
    assert scene.kinds() == []


def test_each_receiving_process_has_its_own_limit_and_a_mute_holds_in_all():
    scene = make_scene()
    one = scene.people[0]
    limits = Limits(posts_per_second=0.001, posts_at_once=2)

    async def work(client, app):
        second = create_app(limits)
        async with lifespan(second, limits, app.state.clock):
            transport = httpx.ASGITransport(app=second)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as elsewhere:
                codes = []
                for number in range(3):
                    for there in (client, elsewhere):
                        answer = await post(
                            there, one, group=scene.group.pk, client_id=f"{number}{there is client}", text="x"
                        )
                        codes.append((answer.status_code, answer.json().get("error")))
                two = scene.people[1]
                await app.state.receiver.database.run(mute, two.member.pk)
                late = [
                    await post(there, two, group=scene.group.pk, client_id="m", text="x")
                    for there in (client, elsewhere)
                ]
                return codes, [answer.json()["error"] for answer in late]

    def mute(conn, member):
        until = NOW + timedelta(hours=1)
        conn.execute("UPDATE local_occupant SET muted_until = %s WHERE member_id = %s", [until, member])

    fast, slow = (200, None), (429, "too_fast")
    assert serve(work, limits) == ([fast, fast, fast, fast, slow, slow], ["muted", "muted"])
    assert len(scene.events("message.posted")) == 4
