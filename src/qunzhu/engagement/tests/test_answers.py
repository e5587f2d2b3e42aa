"""Few are answered one by one, many in one message."""

from qunzhu.engagement.answers import Said, collect


def said(n: int, group: int = 7, outcome: str = "签到成功") -> Said:
    return Said(n, group, 100 + n, f"成员{n}", "checkin", f"长{n}", f"短{n}", outcome)


def test_two_are_answered_each():
    one, two = collect([said(1), said(2)], part="p", community_id=3)
    assert (one.kind, one.key, one.group_id, one.member_id, one.cause_seq, one.rule) == (
        "answer", "p:3:1", 7, 101, 1, "command.checkin",
    )  # fmt: skip
    assert two.payload == {"text": "长2", "to": 102, "reply_to": 2}


def test_three_come_in_one_message_and_groups_do_not_mix():
    wanted = collect([said(1), said(2, 8), said(3), said(4)], part="p", community_id=3)
    assert [(w.kind, w.key, w.group_id, w.member_id, w.payload["text"]) for w in wanted] == [
        ("say", "p:3:1", 7, None, "@成员1 短1\n@成员3 短3\n@成员4 短4"),
        ("answer", "p:3:2", 8, 102, "长2"),
    ]


def test_a_flood_is_counted_and_some_are_named():
    crowd = [said(n) for n in range(500)] + [said(3, outcome="今天已经签过"), said(4, outcome="")]
    (wanted,) = collect(crowd, part="p", community_id=3, more="看这里")
    assert wanted.payload["text"].split("\n") == [
        f"签到成功 500 人：{'、'.join(f'成员{n}' for n in range(12))} 等",
        "今天已经签过 1 人：成员3",
        "已答复 1 人：成员4",
        "看这里",
    ]
    assert collect([], part="p", community_id=3) == []
