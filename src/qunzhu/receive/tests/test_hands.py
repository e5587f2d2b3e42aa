"""What people do by hand in a room."""

from datetime import timedelta

import pytest

from qunzhu.kernel.connectors.local.models import Occupant, Room
from qunzhu.kernel.connectors.local.tests.rooms_made import NOW, make_scene
from qunzhu.receive.tests.served import cookie, post, serve

pytestmark = pytest.mark.django_db(transaction=True)


def test_own_messages_can_be_recalled_for_two_minutes_and_leaders_recall_any():
    scene = make_scene()
    one, two = scene.people
    seqs = [scene.say(one.member.pk, text) for text in ("a", "b", "c")]
    scene.start = seqs[-1]

    async def work(client, app):
        async def recall(who, seq):
            answer = await post(client, who, "/recall", group=scene.group.pk, seq=seq)
            return answer.status_code, answer.json().get("error") or answer.json()["seq"]

        answers = [
            await recall(two, seqs[0]),
            await recall(one, seqs[0]),
            await recall(one, seqs[0]),
            await recall(one, 1),
            await recall(scene.owner, seqs[1]),
        ]
        app.state.clock.move_to(NOW + timedelta(minutes=3))
        return [*answers, await recall(one, seqs[2])]

    assert serve(work) == [
        (403, "not_yours"),
        (200, seqs[2] + 1),
        (200, None),
        (404, "unknown_message"),
        (200, seqs[2] + 2),
        (403, "too_late"),
    ]
    assert [(e.kind, e.member_id, e.body) for e in scene.events()] == [
        ("message.recalled", one.member.pk, {"target": seqs[0], "by": "member"}),
        ("message.recalled", one.member.pk, {"target": seqs[1], "by": "staff"}),
    ]


def test_renaming_leaving_and_coming_back_as_a_stranger():
    scene = make_scene()
    one = scene.people[0]

    async def work(client, app):
        group = scene.group.pk
        return [
            (await post(client, one, "/rename", group=group, nickname=" 新\u3000名\n字 ")).json(),
            (await post(client, one, "/rename", group=group, nickname="新 名 字")).json(),
            (await post(client, one, "/rename", group=group, nickname="x" * 31)).status_code,
            (await post(client, one, "/rename", group=group, nickname="群主")).status_code,
            (await post(client, one, "/leave", group=group)).json(),
            (await post(client, one, "/leave", group=group)).json(),
            (await post(client, one, group=group, client_id="a", text="x")).json()["error"],
        ]

    assert serve(work) == [
        {"seq": scene.start + 1}, {"seq": None}, 400, 400, {"seq": scene.start + 2}, {"seq": None}, "not_member",
    ]  # fmt: skip
    assert [(e.kind, e.body) for e in scene.events()] == [
        ("member.renamed", {"nickname": "新 名 字"}), ("member.left", {}),
    ]  # fmt: skip


def test_the_read_mark_moves_forward_only_and_counts_what_others_said():
    scene = make_scene()
    one, two = scene.people
    seqs = [scene.say(two.member.pk, str(n)) for n in range(3)]
    scene.say(one.member.pk, "own")

    async def work(client, app):
        group = scene.group.pk
        before = (await client.get(f"/in/local/state?group={group}", headers=cookie(one))).json()["unread"]
        return before, [
            (await post(client, one, "/read", group=group, seq=seq)).json() for seq in (seqs[1], seqs[0], 10**9)
        ]

    head = seqs[-1] + 1
    assert serve(work) == (
        3,
        [
            {"last_read_seq": seqs[1], "unread": 1},
            {"last_read_seq": seqs[1], "unread": 1},
            {"last_read_seq": head, "unread": 0},
        ],
    )


def test_leaders_act_by_hand_and_nobody_else():
    scene = make_scene()
    one, two = scene.people
    Occupant.objects.filter(member_id=two.member.pk).update(role="admin")

    async def work(client, app):
        async def act(who, action, **fields):
            answer = await post(client, who, "/act", group=scene.group.pk, action=action, **fields)
            return answer.status_code, answer.json().get("error")

        return [
            await act(one, "remove", member=two.member.pk),
            await act(two, "remove", member=scene.owner.member.pk),
            await act(two, "mute", member=two.member.pk),
            await act(two, "remove"),
            await act(two, "remove", member=10**6),
            await act(two, "explode"),
            await act(two, "announce", text=" "),
            await act(two, "announce", text="新公告"),
            await act(two, "freeze"),
            await act(two, "unfreeze"),
            await act(two, "mute", member=one.member.pk, minutes=30),
            await act(two, "unmute", member=one.member.pk),
            await act(two, "remove", member=one.member.pk),
            await act(scene.owner, "remove", member=two.member.pk),
        ]

    assert serve(work) == [
        (403, "not_leader"), (403, "not_below"), (403, "not_below"), (400, "malformed"), (404, "unknown_member"),
        (400, "malformed"), (400, "empty"), *[(200, None)] * 7,
    ]  # fmt: skip
    by = f"owner:{two.member.pk}"
    assert [(e.kind, e.body) for e in scene.events()] == [
        ("group.announced", {"text": "新公告", "by": by}),
        ("group.frozen", {"by": by}),
        ("group.unfrozen", {"by": by}),
        ("member.muted", {"until": (NOW + timedelta(minutes=30)).isoformat(), "by": by}),
        ("member.unmuted", {"by": by}),
        ("member.removed", {"by": by}),
        ("member.removed", {"by": f"owner:{scene.owner.member.pk}"}),
    ]
    assert Room.objects.get().announcement == "新公告"


@pytest.mark.parametrize(
    ("profile", "possible"),
    [
        ("wecom-customer-group", {"remove", "recall", "announce", "freeze", "unfreeze"}),
        ("personal-wechat", {"remove", "recall", "announce"}),
    ],
)
def test_by_hand_only_what_the_platforms_own_client_can(profile, possible):
    scene = make_scene(profile=profile)
    one = scene.people[0]
    seq = scene.say(one.member.pk, "x")

    async def work(client, app):
        done = set()
        for action in ("mute", "unmute", "recall", "announce", "freeze", "unfreeze", "remove"):
            answer = await post(
                client,
                scene.owner,
                "/act",
                group=scene.group.pk,
                action=action,
                member=one.member.pk,
                seq=seq,
                text="t",
            )
            if answer.status_code == 200:
                done.add(action)
            else:
                assert (answer.status_code, answer.json()["error"]) == (403, "unsupported")
        return done

    assert serve(work) == possible


def test_history_pages_backwards_without_content_of_recalled_messages_and_reports_of_others():
    scene = make_scene()
    one, two = scene.people
    seqs = [scene.say(one.member.pk, f"第{n}条") for n in range(5)]

    async def work(client, app):
        group = scene.group.pk
        await post(client, one, "/recall", group=group, seq=seqs[3])
        report = (await post(client, two, group=group, client_id="r", text="举报 广告", reply_to=seqs[0])).json()["seq"]

        async def history(who, **query):
            answer = await client.get("/in/local/history", params={"group": group, **query}, headers=cookie(who))
            return answer.json()

        newest = await history(one, limit=3)
        return report, newest, await history(one, before=newest["events"][0]["seq"], limit=2), await history(two)

    report, newest, older, of_reporter = serve(work)
    assert [e["seq"] for e in newest["events"]] == [seqs[3], seqs[4], seqs[4] + 1]
    assert newest["events"][0]["body"] == {"recalled": True, "type": "text", "nickname": "x", "text": ""}
    assert newest["more"] is True
    assert [e["body"]["text"] for e in older["events"]] == ["第1条", "第2条"]
    assert report in [e["seq"] for e in of_reporter["events"]]
    assert of_reporter["more"] is False
    joined = of_reporter["events"][0]
    assert (joined["kind"], joined["body"]) == ("member.joined", {"nickname": "群主", "via": "link"})


def test_reading_is_for_people_of_the_room_only():
    scene = make_scene()
    other = make_scene(slug="other")

    async def work(client, app):
        group = scene.group.pk
        return [
            (await client.get(path, headers=cookie(who))).status_code
            for path in (f"/in/local/history?group={group}", f"/live/local?group={group}",
                         f"/in/local/members?group={group}", f"/in/local/state?group={group}")
            for who in (None, other.people[0])
        ] + [
            (await client.get("/in/local/history?group=x", headers=cookie(scene.owner))).status_code,
            (await client.get("/in/local/history", headers=cookie(scene.owner))).status_code,
            (await client.get("/live/console?token=forged")).status_code,
            (await client.get("/in/local")).status_code,
        ]  # fmt: skip

    assert serve(work) == [401, 404] * 4 + [400, 400, 403, 405]


def test_the_member_list_shows_leaders_first():
    scene = make_scene()

    async def work(client, app):
        answer = await client.get(f"/in/local/members?group={scene.group.pk}", headers=cookie(scene.owner))
        return [(m["nickname"], m["role"], m["muted"]) for m in answer.json()["members"]]

    assert serve(work) == [("群主", "owner", False), ("成员1", "member", False), ("成员2", "member", False)]
