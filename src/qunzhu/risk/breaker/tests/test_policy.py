"""The breaker trips on a raid and on nothing that people do by themselves."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.kernel.blueprint.chapters.risk import Breaker
from qunzhu.kernel.events.schema import Event, event_id
from qunzhu.risk.breaker import policy
from qunzhu.risk.breaker.policy import Limits, Watcher

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
AD = "加我微信领取内部资料名额有限速来"


class Group:
    """A group in memory: `join` and `say` return what the breaker thinks."""

    def __init__(self, **limits):
        self.watcher, self.seq = Watcher(Limits(**limits)), 0

    def tell(self, kind, member, at, text="", *, historic=False, image=None):
        self.seq += 1
        when = NOW + timedelta(seconds=at)
        body = {"text": text} | ({"image": image} if image else {})
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
    assert [group.say(m, AD, 601) for m in range(1, 31)] == [None] * 30  # no newcomers any more


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


def wave(text_of, *, people=10, at=5.0, **limits):
    """`people` of a wave of 30 say what `text_of` makes of each; the members of the raids that come of it."""
    group = Group(**limits)
    group.join(*range(1, 31))
    raids = [group.tell("message.posted", m, at, **_said(text_of(m))) for m in range(1, people + 1)]
    return [raid.members for raid in raids if raid is not None and not raid.more]


def _said(what):
    return {"text": what} if isinstance(what, str) else what


FIVE, EIGHT = [list(range(1, 6))], [list(range(1, 9))]


@pytest.mark.parametrize(
    ("text_of", "members"),
    [
        (lambda _: "进群领钱", EIGHT),
        (lambda m: f"进群领红包 {'x8f3kq92zt'[m % 9 :]}{m}", EIGHT),
        (lambda m: f"進x{m}羣k2領{'🎉' * m}紅包", EIGHT),
        (lambda m: f"加微信领取内部资{'料枓'[m % 2]}名额有限速来"[: 30 - m % 2], FIVE),
        (lambda m: f"{'啊哦嗯呢吧'[m % 5]}加我微信{'呀哈'[m % 2]}领取内部资料名额{'喔'[: m % 2]}有限速来", FIVE),
        (lambda m: f"https://evil.example.com/i?u={m}", FIVE),
        (lambda m: f"http://www.evil.top/a/?utm_source={m} 随机{m}", FIVE),
        (lambda m: f"t.cn/A{m}x{m}", EIGHT),
        (lambda m: f"evil.top/{m}", EIGHT),
        (lambda m: f"进群领钱 evil.top/{m}", FIVE),
        (lambda m: f"各看各的第{m}句 QQ 84930221", FIVE),
        (lambda m: f"{m}" * 3 + "#小程序://红包/abcDEF123", FIVE),
        (lambda m: f"大家好,我是小{'赵钱孙李周吴郑王冯陈'[m - 1]},加我微信领取内部资料名额有限速来", FIVE),
        (lambda m: f"join now and get free usdt today only x{m}kq", EIGHT),
        (lambda m: {"image": {"sha256": "f" * 64, "upload": f"u{m}"}}, FIVE),
        (lambda m: {"image": {"sha256": f"{m:064}", "codes": ["https://u.wechat.com/xyz"]}}, FIVE),
    ],
)
def test_what_raiders_vary(text_of, members):
    assert wave(text_of) == members


@pytest.mark.parametrize(
    "text",
    [
        "大家好", "欢迎", "报到", "新人报到🙋", "签到", "打卡", "1", "666", "+1", "👏👏👏", "好的收到",
        "谢谢老师的分享!", "hello everyone", "大家好,新人报到,请多多关照,很高兴认识大家", "2026-11-24 打卡",
        "哈哈哈哈哈哈哈哈哈哈哈哈", "來了來了", "x8f3k 大家好",
    ],
)  # fmt: skip
def test_ordinary_greetings_never_trip(text):
    assert wave(lambda _: text, people=30) == []


def test_introductions_of_one_trade_do_not_trip():
    names, cities = "赵钱孙李周吴郑王冯陈", ("北京", "上海", "广州", "深圳", "杭州")
    assert wave(lambda m: f"大家好,我是{names[m - 1]}晓{names[-m]},来自{cities[m % 5]},做产品经理,请多指教") == []


def test_different_pages_of_a_public_host_do_not_trip():
    assert wave(lambda m: f"https://github.com/user{m}") == []
    assert wave(lambda m: f"https://mp.weixin.qq.com/s?__biz=MzA{m}") == []


def test_commands_are_never_counted():
    group = Group()
    group.join(*range(1, 31))
    assert [group.tell("command.posted", m, 5, AD) for m in range(1, 31)] == [None] * 30


def test_what_somebody_asked_for_is_not_counted():
    group = Group()
    group.join(*range(1, 31))
    assert group.say(100, "新来的朋友请回复“领取课程资料”", 4) is None
    assert [group.say(m, "领取课程资料", 5) for m in range(1, 31)] == [None] * 30
    assert [group.say(m, "领取课程资料 evil.top/x", 6) for m in range(1, 5)] == [None] * 4  # a link was not asked for
    assert group.say(5, "领取课程资料 evil.top/x", 6).same == "link"


def test_raiders_who_wait_are_still_newcomers():
    group = Group()
    group.join(*range(1, 11))
    assert [group.say(m, AD, 500) for m in range(1, 5)] == [None] * 4
    assert group.say(5, AD, 501).members == [1, 2, 3, 4, 5]


def test_those_who_trickle_in_are_no_wave():
    group = Group()
    for m in range(1, 31):
        group.join(m, at=m * 15.0)
    assert [group.say(m, AD, 455) for m in range(1, 31)] == [None] * 30


def test_the_wave_may_be_complete_after_the_messages():
    group = Group()
    group.join(*range(1, 10))
    assert [group.say(m, AD, 5) for m in range(1, 7)] == [None] * 6
    assert group.tell("member.joined", 10, 6).members == [1, 2, 3, 4, 5, 6]


def test_a_raid_that_goes_on_is_told_as_more():
    group = Group()
    group.join(*range(1, 11))
    raids = [group.say(m, AD, 5) for m in range(1, 8)]
    assert [(r.members, r.more) for r in raids if r] == [([1, 2, 3, 4, 5], False), ([6], True), ([7], True)]


def test_joining_again_and_again_is_one_person():
    group = Group()
    for _ in range(30):
        group.join(1, 2, 3, 4, 5)
    assert [group.say(m, AD, 5) for m in range(1, 6)] == [None] * 5


PADDING = st.lists(st.sampled_from(["x8f3k", "7", "🎉", "kq", "~", " ", "Zp0", "。", "🧧🧧"]), max_size=4).map("".join)


@given(st.permutations(range(1, 9)), st.lists(st.tuples(PADDING, PADDING, PADDING), min_size=8, max_size=8))
def test_random_padding_in_any_order_trips_for_newcomers_and_never_for_others(order, padding):
    for text, needed in (("进群领红包", 8), (AD, 5)):
        half = len(text) // 2
        texts = [f"{a}{text[:half]}{b}{text[half:]}{c}" for a, b, c in padding]
        group = Group()
        group.join(*range(1, 11))
        raids = [group.say(m, texts[m - 1], 5 + n) for n, m in enumerate(order)]
        assert [r.members for r in raids if r and not r.more] == [sorted(order[:needed])]
        group.join(*range(101, 112), at=700.0)  # a new wave; who came before it is a member like any other
        assert [group.say(m, texts[m - 1], 705) for m in order] == [None] * 8


def test_a_flood_of_joins_and_texts_does_not_grow_without_end():
    group = Group()
    for member in range(5_000):
        group.join(member, at=member / 100)
        own = "".join(chr(start + member) for start in (0x4E00, 0x5A00, 0x6600, 0x7200, 0x7E00))
        group.say(member, own, member / 100)
    kept = group.watcher.kept()
    assert kept["rooms"] == 1
    assert kept["newcomers"] <= 2 * policy.NEWCOMERS_KEPT
    assert kept["texts"] <= policy.TEXTS_KEPT
    assert kept["pairs"] <= policy.TEXTS_KEPT * policy.ALIKE_KEPT
    group.say(9_999, "很久以后", 10_000)
    assert set(group.watcher.kept().values()) == {0}


def test_one_who_talks_much_does_not_push_out_the_others():
    group = Group()
    group.join(*range(1, 11))
    assert [group.say(m, AD, 5) for m in range(1, 5)] == [None] * 4
    for number in range(400):
        group.say(10, f"{chr(0x5000 + number)}{chr(0x6000 + number)}{chr(0x7000 + number)}{chr(0x8000 + number)}", 6)
    assert group.say(5, AD, 7).members == [1, 2, 3, 4, 5]


def test_the_settings_of_the_blueprint_are_the_limits():
    section = msgspec.structs.asdict(Breaker())
    assert section.pop("on") is True
    assert section == msgspec.structs.asdict(Limits())


@pytest.mark.parametrize("word", ["💩💩💩💩💩💩", "滚", "傻逼", "骂" * 30, "1", "大家好"])
def test_a_wave_that_hammers_the_very_same_is_a_raid_however_little_it_says(word):
    group = Group()
    group.join(*range(1, 31))
    told = [group.say(1 + n % 30, word, 1 + n / 10) for n in range(150)]
    first = next(n for n, raid in enumerate(told) if raid)
    assert first == 59  # everybody has said it twice
    raid = told[first]
    assert (len(raid.members), len(raid.seqs), raid.same, raid.more) == (30, 60, "text", False)
    assert all(later.more and len(later.seqs) == 1 for later in told[first + 1 :])


@pytest.mark.parametrize("word", ["🌹🌹🌹", "1", "大家好", "来了", "👍"])
def test_a_wave_that_greets_is_none(word):
    group = Group()
    group.join(*range(1, 61))
    assert [group.say(m, word, 1 + m / 5) for m in range(1, 61)] == [None] * 60
    group = Group()  # and a few who cannot stop are a matter of other rules
    group.join(*range(1, 31))
    assert [group.say(1 + n % 7, word, 1 + n / 10) for n in range(100)] == [None] * 100


def test_a_list_to_which_everybody_adds_a_line_is_none_and_an_ad_in_its_shape_is_one():
    names = ["张三", "李四", "王五", "赵六", "孙七", "周八", "吴九", "郑十", "冯一", "陈二"]
    group = Group()
    group.join(*range(1, 14))
    lines = "#接龙 周三直播报名"
    for member, name in enumerate(names, start=1):
        lines += f"\n{member}. {name}"
        assert group.say(member, lines, 2 * member) is None
    group = Group()
    group.join(*range(1, 14))
    told = [group.say(m, f"#接龙 报名\n{m}. {AD}", 5 + m) for m in range(1, 8)]
    assert [bool(raid) for raid in told] == [False] * 4 + [True] * 3
