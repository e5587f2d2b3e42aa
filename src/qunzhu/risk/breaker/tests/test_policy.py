"""The breaker trips on a raid and on nothing that people do by themselves."""

import random
from datetime import UTC, datetime, timedelta

from qunzhu.kernel.events.schema import Event, event_id
from qunzhu.risk.breaker.policy import Limits, Watcher, alike, form, pairs

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
AD = "加我微信领取内部资料名额有限速来"


class Group:
    """A group in memory: `join` and `say` return what the breaker thinks."""

    def __init__(self, **limits):
        self.watcher, self.seq = Watcher(Limits(**limits)), 0

    def tell(self, kind, member, at, text="", *, historic=False):
        self.seq += 1
        when = NOW + timedelta(seconds=at)
        body = {"text": text}
        return self.watcher.hear(
            Event(1, self.seq, event_id(self.seq), kind, 3, member, when, when, "local", historic, body)
        )

    def join(self, *members, at=0.0, **more):
        for member in members:
            assert self.tell("member.joined", member, at, **more) is None

    def say(self, member, text, at, **more):
        return self.tell("message.posted", member, at, text, **more)


def test_trips_with_the_fifth_newcomer_who_says_the_same():
    group = Group()
    group.join(*range(1, 11))
    for member in range(1, 5):
        assert group.say(member, f"{AD}{member}!", 5 + member) is None
    raid = group.say(5, f"➕ {AD} 😀", 12)
    assert (raid.members, raid.joins, raid.group_id) == ([1, 2, 3, 4, 5], 10, 3)
    assert raid.seqs == [11, 12, 13, 14, 15]


def test_not_with_one_join_fewer_and_not_with_one_person_fewer():
    group = Group()
    group.join(*range(1, 10))
    assert [group.say(m, AD, 5) for m in range(1, 10)] == [None] * 9
    group = Group()
    group.join(*range(1, 31))
    assert [group.say(m, AD, 5) for m in (1, 2, 3, 4, 4, 4, 1)] == [None] * 7


def test_time_passes_and_it_does_not_trip():
    group = Group()
    group.join(*range(1, 31))
    assert [group.say(m, AD, m * 8) for m in range(1, 16)] == [None] * 15  # never five within 30 seconds
    group = Group()
    group.join(*range(1, 31))
    assert [group.say(m, AD, 121) for m in range(1, 31)] == [None] * 30  # no newcomers any more


def test_regular_members_may_repeat_each_other():
    group = Group()
    group.join(*range(100, 120))
    assert [group.say(m, AD, 5) for m in range(1, 80)] == [None] * 79


def test_greetings_and_history_do_not_trip():
    group = Group()
    group.join(*range(1, 60))
    assert [group.say(m, "大家好,请多关照!", 5) for m in range(1, 60)] == [None] * 59
    group = Group()
    group.join(*range(1, 31), historic=True)
    assert [group.say(m, AD, 5, historic=True) for m in range(1, 31)] == [None] * 30


def test_a_busy_evening_with_many_newcomers_does_not_trip():
    """An hour: 120 people come in in waves, greet, introduce themselves; 300 regulars chat and cheer."""
    draw = random.Random(433)
    names, jobs = (
        "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨",
        ("做基金研究", "写后端代码", "在银行做风控", "做产品经理", "带销售团队"),
    )
    cities = ("北京", "上海", "广州", "深圳", "杭州", "成都")
    cheers = ("欢迎欢迎", "哈哈哈哈哈哈哈哈哈哈哈哈", "收到,谢谢老师分享今天的行业早报", "666666", "恭喜恭喜")
    happenings = []
    for number in range(120):
        came = draw.choice((60, 900, 1800, 2700)) + draw.uniform(0, 90)  # each wave follows an article
        happenings.append((came, "member.joined", 1000 + number, ""))
        happenings.append((came + draw.uniform(3, 60), "message.posted", 1000 + number, "大家好,请多多关照"))
        told = (
            f"大家好我是小{draw.choice(names)},在{draw.choice(cities)}{draw.choice(jobs)},"
            f"入行{draw.randint(1, 9)}年,{draw.choice(('想多交流', '请大家指教', '来学习的', '周末常去爬山'))}"
        )
        happenings.append((came + draw.uniform(20, 110), "message.posted", 1000 + number, told))
    happenings += [
        (draw.uniform(0, 3_600), "message.posted", draw.randint(1, 300), draw.choice(cheers)) for _ in range(3_000)
    ]
    group = Group()
    raids = [group.tell(kind, member, at, text) for at, kind, member, text in sorted(happenings)]
    assert [r for r in raids if r is not None] == []


def test_one_changed_letter_is_the_same_and_another_text_is_not():
    assert alike(pairs(form(AD)), pairs(form(AD.replace("微信", "薇信"))))
    assert not alike(pairs(form(AD)), pairs(form("今天的行业早报讲了三件事大家怎么看")))
