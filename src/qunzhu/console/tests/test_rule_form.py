"""A rule into the form and back is the same rule; what was typed becomes what the engine wants."""

from copy import deepcopy

import pytest
from django.http import QueryDict

from qunzhu.console.reading import rule_changes, rule_form, rule_problems, rule_sample, rule_words
from qunzhu.kernel.blueprint.loader import BadBlueprint
from qunzhu.kernel.blueprint.rules import read_rulebook
from qunzhu.kernel.engine.rules import STREAMS, RulebookInvalid, load_rules
from qunzhu.kernel.engine.tests.workplace import workplace

RULES = {rule["id"]: rule for rule in workplace()["rules"]}
NIGHT = {
    "id": "night", "chapter": "risk", "name": "夜里发链接", "on": ["message.posted"], "state": "shadow",
    "window": {"of": "link", "count": "distinct", "per": "group", "minutes": 90},
    "when": {"all": [
        {"fact": "window.count", "at_least": 3},
        {"any": [{"fact": "time.hour", "under": 6}, {"not": {"fact": "message.text", "contains": "早安"}}]},
    ]},
    "then": [{"mute": {"minutes": 2880}}, {"recall": {}}],
    "explain": "{nickname}，{consequence}。",
}  # fmt: skip
WORDS = {**RULES["red_keyword"], "id": "words", "when": {"all": [
    {"fact": "keyword.categories", "any_of": ["fraud", "porn"]}, {"fact": "message.length", "over": 5},
    {"fact": "ad.looks", "is": False}, {"fact": "link.hosts", "empty": True},
]}}  # fmt: skip
DEEP = {**WORDS, "id": "deep", "when": {"not": {"all": [{"fact": "link.count", "over": 1}]}}}


def sent(fields: rule_form.Fields) -> QueryDict:
    """What a browser sends for these fields."""
    data = QueryDict(mutable=True)
    for name in rule_form._TEXTS:
        data[name] = getattr(fields, name)
    for name in rule_form._FLAGS:
        if getattr(fields, name):
            data[name] = "on"
    data.setlist("on", fields.on)
    for part in ("fact", "operator", "value"):
        data.setlist(part, [getattr(row, part) for row in fields.rows] + [""])
    return data


@pytest.mark.parametrize("rule", [*RULES.values(), NIGHT, WORDS, DEEP], ids=lambda rule: rule["id"])
def test_a_rule_goes_through_the_form_unchanged(rule):
    load_rules([rule])
    fields = rule_form.fields_of(rule)
    back = rule_form.rule_of(rule_form.posted(sent(fields)), before=deepcopy(rule))
    assert (back, list(back)) == (rule, list(rule))
    assert bool(fields.deep) == (rule["id"] == "deep")


def test_a_rule_that_was_never_there_comes_out_without_defaults():
    back = rule_form.rule_of(rule_form.fields_of(NIGHT))
    assert back == NIGHT


def test_what_people_type_becomes_what_the_engine_wants():
    fields = rule_form.fields_of(WORDS)
    assert [row.value for row in fields.rows] == ["诈骗、色情", "5", "no", "yes"]
    fields.rows[0].value = "诈骗, 赌博;资金募集"
    fields.rows[1].value = "2.5"
    rule = rule_form.rule_of(fields, before=WORDS)
    assert rule["when"]["all"][0]["any_of"] == ["fraud", "gambling", "fundraising"]
    assert rule["when"]["all"][1]["over"] == 2.5
    load_rules([rule])


def test_what_cannot_be_understood_is_named_by_field():
    fields = rule_form.fields_of(NIGHT)
    fields.name, fields.span, fields.bound_n, fields.mute_n = "", "x", "-1", "一"
    fields.rows[1].value = ""
    with pytest.raises(rule_form.FormError) as caught:
        rule_form.rule_of(fields)
    assert {name for name, _ in caught.value.problems} == {"name", "window", "bound_n", "when", "then"}


def test_the_sample_is_what_the_engine_says():
    settings = workplace()["settings"]
    assert rule_sample.sentence(RULES["daily_cap"], settings) == (
        "小林，今天已发 6 条（群规 2.1，上限 5 条），先提醒一次。觉得不对？请联系管理员。"
    )
    assert rule_sample.sentence(RULES["equal_links"], settings) == (
        "小林，同一链接 1 小时内已发 6 次（群规 2.3，上限 5 次），先休息 1 小时，21:14 恢复。觉得不对？请联系管理员。"
    )
    assert "「示例词」" in rule_sample.sentence(RULES["red_keyword"], settings)
    with pytest.raises(RulebookInvalid):
        rule_sample.sentence({**NIGHT, "explain": "{who}"}, settings)


def test_changes_are_sentences():
    settings = workplace()["settings"]
    old = ([RULES["daily_cap"], RULES["equal_links"], RULES["red_keyword"]], settings)
    cap = {**RULES["daily_cap"], "when": {"fact": "window.count", "over": 8}, "state": "shadow"}
    links = {**RULES["equal_links"], "then": [{"mute": {"minutes": 120}}], "level": "orange"}
    new = ([cap, links, NIGHT], {**settings, "ladder": {**settings["ladder"], "mute_minutes": 30}})
    night = "全群1小时30分钟内发不同链接达到 3 次,并且(几点少于 6,或者消息文字不包含“早安”)"
    assert [(c.rule, c.kind, c.sentences) for c in rule_changes.between(old, new)] == [
        ("settings", "changed", ("阶梯里的禁言:由“1小时”改为“30分钟”",)),
        (
            "daily_cap", "changed",
            ("状态:由“生效”改为“试运行”", "条件:由“同一成员当天发言超过 5 次”改为“同一成员当天发言超过 8 次”"),
        ),
        (
            "equal_links", "changed",
            (
                "处理:由“禁言 1小时;记一次违规(30 天内满 3 次移出)”改为“禁言 2小时;记一次违规(30 天内满 3 次移出)”",
                "预警级别:由“黄色”改为“橙色”",
            ),
        ),
        (
            "night", "added",
            (f"{night} → 禁言 2天;撤回消息(试运行)",),
        ),
        ("red_keyword", "removed", ("消息里的关键词类别有 资金募集、诈骗 → 冻结群;撤回消息;开工单请人决定(生效)",)),
    ]  # fmt: skip
    assert rule_changes.between(old, old) == []


BAD = """settings: {ladder: {mute_minutes: 0}}
rules:
  - id: cap
    chapter: governance
    name: 上限
    on: [message.posted]
    window: {of: message, days: 40}
    when: {all: [{fact: window.cuont, over: 5}]}
    then: [{ladder: true}, {warn: {}}]
    explain: "{nickname} {whoo}"
"""


def test_mistakes_in_yaml_name_rule_field_line_and_remedy():
    with pytest.raises(BadBlueprint) as caught:
        read_rulebook(BAD, file="rules.yaml")
    said = [rule_problems.of_mistake(m, ["cap"]) for m in caught.value.mistakes]
    assert [(s.rule, s.field, s.line, s.message, s.remedy) for s in said] == [
        ("", "settings.ladder.mute_minutes", 1, "至少是 1", "改成 1 或更大的整数"),
        ("cap", "window.days", 7, "最多统计 31 天", "改成 31 天以内"),
        ("cap", "when.all[0].fact", 8, "没有叫“window.cuont”的判断项", "是不是想写 window.count?"),
        ("cap", "then", 9, "一条规则只能有一种处罚", "阶梯、提醒、禁言、移出里只留一个"),
        ("cap", "explain", 10, "没有叫 {whoo} 的占位符", "点一下输入框下面的占位符来插入"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [("rules: [", 1), ("- 1", 1), ("rules: &x []", 1), ("rules: {}", 1), ("other: 1\nrules: []", 1), ("", 1),
     ("rules:\n  - id: a\n    chapter: x", 2), ("rules:\n  - 5", 1), ('rules: []\nsettings: {zone: "a\\0"}', 2),
     ('rules: []\nsettings: {zone: "\\ud800"}', 2), ("rules: []\nsettings: {ladder: {strike_days: 99999}}", 2),
     ("rules: []\nrules: []", 1), ("rules: []\nsettings: 5", 2)],
)  # fmt: skip
def test_every_mistake_of_a_text_is_said_in_chinese(text, line):
    with pytest.raises(BadBlueprint) as caught:
        read_rulebook(text, file="rules.yaml")
    for mistake in caught.value.mistakes:
        said = rule_problems.of_mistake(mistake, [])
        assert mistake.line >= line
        assert said.message != mistake.message, mistake
        assert said.remedy, mistake


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""}, {"on": []}, {"on": ["x"]}, {"window": {"of": "message"}}, {"window": {"of": "x", "days": 1}},
        {"window": {"of": "link", "count": "equal", "days": 1}}, {"window": {"of": "ad", "count": "equal", "hours": 1}},
        {"when": {}}, {"when": {"all": []}}, {"when": {"fact": "x", "over": 1}}, {"when": {"fact": "link.count"}},
        {"when": {"fact": "link.count", "contains": 1}}, {"when": {"fact": "link.count", "over": "1"}},
        {"when": {"some": []}}, {"window": None, "when": {"fact": "window.count", "over": 1}}, {"then": []},
        {"then": [{}]}, {"then": [{"mute": {"minutes": 0}}]}, {"then": [{"recall": {}}], "strike": True},
        {"explain": ""}, {"explain": "{nickname"}, {"explain": "nickname}"}, {"window": None, "when": {
            "fact": "link.count", "over": 1}}, {"state": "on"}, {"level": "blue"}, {"chapter": "x"}, {"extra": 1},
        {"explain": "{}"}, {"explain": "{nickname:>99999999}"}, {"explain": "{nickname!r}"}, {"explain": "x" * 501},
        {"when": {"fact": [1], "over": 1}}, {"when": {"fact": "window.count", "over": float("nan")}},
        {"when": {"fact": "window.count", "over": 10**30}}, {"window": {"of": "message", "hours": 10**9}},
        {"name": "x" * 61}, {"then": 5}, {"when": 5}, {"window": 5},
    ],
)  # fmt: skip
def test_every_mistake_of_a_rule_is_said_in_chinese(change):
    with pytest.raises(RulebookInvalid) as caught:
        load_rules([{**RULES["daily_cap"], **change}])
    for problem in caught.value.problems:
        said = rule_problems.of_problem(problem)
        assert said.message != problem.message, problem
        assert said.remedy, problem


def test_everything_a_window_may_count_has_words():
    told = rule_words.streams()
    assert {of for of, _count in told} == set(STREAMS)
    assert {(of, "all") for of in STREAMS} <= set(told)
