"""A blueprint says what is wrong with it: file, line, field, message, remedy, all at once."""

from pathlib import Path

import pytest

from qunzhu.kernel.blueprint.keywords import read_keywords
from qunzhu.kernel.blueprint.loader import MAX_BYTES, SHIPPED, BadBlueprint, Mistake, find, load, loads
from qunzhu.kernel.blueprint.rules import rule_problems, rulebook_settings
from qunzhu.kernel.engine.rules import compile_rulebook, load_rules

SHIPPED_TEXT = (SHIPPED / "workplace-knowledge.yaml").read_text(encoding="utf-8")


def mistakes(text: str | bytes, **how) -> list[tuple[int, str, str, str]]:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(BadBlueprint) as caught:
        loads(raw, file="x.yaml", **how)
    return [(m.line, m.field, m.message, m.remedy) for m in caught.value.mistakes]


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_shipped_blueprint_holds_every_figure_of_the_guide():
    plan = load(find("workplace-knowledge"), check_rules=rule_problems).blueprint
    age, admission = plan.positioning.persona.age, plan.positioning.admission
    assert (age.youngest, age.oldest, admission.enter_from) == (25, 35, 85)
    benchmarks = plan.positioning.benchmarks
    assert (benchmarks.match, benchmarks.daily_reads, benchmarks.open_rate) == (85, 2000, 68)
    governance = plan.governance
    assert (governance.daily_messages.limit, governance.strikes.limit) == (5, 3)
    assert [step.action for step in governance.ladder] == ["warn", "mute", "remove"]
    assert (governance.points.quality_content, governance.points.ad_report_upheld) == (10, 5)
    assert governance.elimination.inactive_after == 3
    costs = {channel.name: channel.cost_per_join for channel in plan.recruitment.channels}
    assert (costs["公众号推文"], costs["朋友圈海报"], costs["行业社群导流"]) == (860, 520, 1200)
    invited = plan.recruitment.benchmarks
    assert (invited.invited_conversion, invited.natural_conversion) == (32, 17)
    mix = plan.content.mix
    assert (mix.knowledge, mix.topic, mix.entertainment) == (40, 30, 30)
    assert [(s.kind, s.days, s.at, s.until) for s in plan.content.slots] == [
        ("knowledge", ["workday"], "08:00", None),
        ("knowledge", ["workday"], "20:00", None),
        ("topic", ["wed", "fri"], "15:00", None),
        ("entertainment", ["weekend"], "18:00", "20:00"),
    ]
    content = plan.content.benchmarks
    assert (content.knowledge_favourited, content.topic_participation) == (89, 76)
    assert (content.entertainment_opened, content.interaction_uplift) == (93, 47)
    uplift = plan.engagement.benchmarks
    assert (uplift.weekly_active_uplift, uplift.next_day_retention_points) == (35, 23)
    assert (uplift.monthly_retention_uplift, uplift.quality_content_factor) == (28, 4)
    assert plan.engagement.honour.top == 10
    risk = plan.risk
    assert (risk.notice.ads_per_day, risk.yellow.equal_links_per_hour, risk.yellow.mute) == (3, 5, 60)
    assert (risk.orange.reporters, risk.red.categories) == (3, ["fraud", "fundraising"])
    analytics = plan.analytics
    assert (analytics.messages_per_day, analytics.quality_share, analytics.funnel_layers) == (120, 35, 4)
    assert (analytics.retention_days, analytics.benchmarks.groups_reaching_messages) == (7, 81)
    assert (analytics.benchmarks.quality_share, analytics.benchmarks.funnel_reached) == (38, 67)
    assert plan.commerce.platform_share == 20
    assert [stage.id for stage in plan.commerce.stages] == ["trust", "membership", "cocreation"]


def test_the_rules_of_the_shipped_blueprint_say_the_same_figures_as_its_chapters():
    plan = load(find("workplace-knowledge")).blueprint
    compile_rulebook(load_rules(plan.rules))
    rules = {rule["id"]: rule for rule in plan.rules}
    assert rules["daily_cap"]["when"]["over"] == plan.governance.daily_messages.limit
    assert rules["equal_links"]["when"]["over"] == plan.risk.yellow.equal_links_per_hour
    assert rules["equal_links"]["then"] == [{"mute": {"minutes": plan.risk.yellow.mute}}]
    assert rules["three_ads_a_day"]["when"]["at_least"] == plan.risk.notice.ads_per_day
    assert rules["member_reported"]["when"]["at_least"] == plan.risk.orange.reporters
    assert sorted(rules["red_keyword"]["when"]["any_of"]) == plan.risk.red.categories
    clauses = {clause.id for clause in plan.governance.pact}
    assert {rule["clause"] for rule in plan.rules} <= clauses
    assert rulebook_settings(plan) == {
        "zone": "Asia/Shanghai",
        "ladder": {"mute_minutes": 60, "strikes_to_remove": 3, "strike_days": 30},
        "not_counted": ("command.posted", "checkin", "vote"),
        "repeat_case_hours": 24,
    }


def test_all_mistakes_are_named_at_once_with_line_field_and_remedy():
    text = (
        SHIPPED_TEXT.replace(" limit: 5 #", " limti: 5 #")
        .replace("mute: 60}", "mute: sixty}")
        .replace("review_from: 60", "review_from: 160")
        .replace("knowledge: 40", "knowledge: 45")
        .replace("slug: workplace-knowledge", "slug: Wörk")
    )
    assert mistakes(text) == [
        (5, "slug", "must look like ^[a-z0-9]+(-[a-z0-9]+)*$", "it is Wörk"),
        (line_of(text, "review_from"), "positioning.admission.review_from", "must be at most 100", "it is 160"),
        (
            line_of(text, "limti"),
            "governance.daily_messages.limti",
            "is not a known setting",
            "did you mean 'limit'?",
        ),
        (line_of(text, "knowledge: 45"), "content.mix", "knowledge + topic + entertainment must be 100", ""),
        (line_of(text, "mute: sixty"), "risk.yellow.mute", "must be a whole number", "it is sixty"),
    ]


def test_a_red_rule_does_nothing_at_once_that_the_red_level_keeps_for_a_human():
    text = SHIPPED_TEXT.replace("without_a_human: [freeze, recall]", "without_a_human: [freeze]")
    number = next(
        n for n, rule in enumerate(load(find("workplace-knowledge")).blueprint.rules) if rule.get("level") == "red"
    )
    assert mistakes(text) == [
        (
            line_of(text, "{recall: {}}, {case: {kind: red_keyword"),
            f"rules[{number}].then[1]",
            "does recall at once, which risk.red.without_a_human does not allow",
            "add recall there, or take it out here",
        )
    ]


def test_a_new_group_without_a_human_must_be_able_to_come_about():
    """Close comes before it, and where two people are asked for there is a human."""
    both = SHIPPED_TEXT.replace("without_a_human: [freeze, recall]", "without_a_human: [freeze, recall, rebuild]")
    place = (line_of(both, "recall, rebuild]"), "risk.red.without_a_human[2]")
    contradicts = (
        *place,
        "rebuild contradicts governance.two_person_rule, where rebuild_group needs two people",
        "take rebuild_group out there, or rebuild out here",
    )
    effectless = (
        *place, "rebuild has no effect without close, which comes before it", "add close, or take rebuild out",
    )  # fmt: skip
    assert mistakes(both) == [effectless, contradicts]
    closing = both.replace("recall, rebuild]", "recall, rebuild, close]")
    assert mistakes(closing) == [contradicts]
    alone = closing.replace("two_person_rule: [rebuild_group, erase_member]", "two_person_rule: [erase_member]")
    assert alone != closing
    assert loads(alone.encode(), file="x.yaml").blueprint.risk.red.without_a_human == [
        "freeze",
        "recall",
        "rebuild",
        "close",
    ]


def test_a_rule_opens_only_cases_that_there_are():
    text = SHIPPED_TEXT.replace("then: [{case: {kind: member_reported, urgency: orange}}]", "then: [{case: {kind: x}}]")
    number = [rule["id"] for rule in loads(SHIPPED_TEXT.encode(), file="x").blueprint.rules].index("member_reported")
    assert mistakes(text, check_rules=rule_problems) == [
        (
            line_of(text, "kind: x}"),
            f"rules[{number}].then[0].case.kind",
            "'x' is none of rule_review, member_reported, red_keyword",
            "",
        )
    ]


def test_codes_are_for_who_buys_something_virtual():
    text = SHIPPED_TEXT.replace("kind: perk, days: 7", "kind: perk, codes: [A-1], days: 7")
    assert mistakes(text) == [
        (line_of(text, "codes: [A-1]"), "engagement.mall[3].codes", "perk goods have no codes", "only virtual ones do")
    ]


def test_what_one_field_alone_cannot_show():
    text = SHIPPED_TEXT.replace("timezone: Asia/Shanghai", "timezone: Asia/Shanghia").replace(
        "name: 职场知识观察群", "name: 职场知识分享 1 群"
    )
    assert mistakes(text) == [
        (8, "timezone", "is no time zone", "did you mean 'Asia/Shanghai'?"),
        (
            line_of(text, "observation: true") - 4,
            "groups[1]",
            "'职场知识分享 1 群' is there twice",
            "names and ids must differ",
        ),
    ]


def test_a_wrong_rule_is_named_at_its_line():
    text = SHIPPED_TEXT.replace("fact: window.count, over: {", "fact: window.cuont, over: {", 1)
    found = mistakes(text, check_rules=rule_problems)
    assert len(found) == 1
    assert found[0][0] == line_of(text, "cuont")
    assert found[0][1].startswith("rules[0].when")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (b"a: &x 1\nb: *x", 1, "aliases and anchors (* and &) are not read; write the values out"),
        (b"format: 1\na: !!python/object:os.system x", 2, "tags (!) are not read; remove it"),
        (b"a: " + b"[" * 60, 1, "is nested deeper than 24 levels"),
        (b"a: [" + b"1," * 60_000 + b"]", 1, "has more than 50,000 values"),
        (b"a: 1\na: 2", 2, 'is no YAML: found duplicate key "a" with value "2" (original value: "1")'),
        (b"a: 1\n\xff", 2, "is not UTF-8 text"),
        (b"", 1, "must be a mapping of sections"),
        (b"- 1", 1, "must be a mapping of sections"),
    ],
)
def test_hostile_or_broken_files_are_refused_in_one_line(text, line, message):
    found = mistakes(text)
    assert [(m[0], m[2]) for m in found] == [(line, message)]


def test_a_missing_section_is_named():
    text = SHIPPED_TEXT[: SHIPPED_TEXT.index("# 八、")]
    assert mistakes(text) == [(1, "", "lacks 'commerce'", "add it")]


def test_an_unknown_name_lists_what_ships(tmp_path):
    with pytest.raises(BadBlueprint, match=r"there is no such blueprint \(shipped: .*workplace-knowledge"):
        find("workplace")
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(BadBlueprint, match="has 1,000,001 bytes, at most 1,000,000 are read"):
        load(huge)
    with pytest.raises(BadBlueprint, match="cannot be read: No such file or directory"):
        load(Path("/nowhere.yaml"))


def test_mistakes_read_like_a_compilers():
    assert Mistake(3, "risk.red", "is wrong", "mend it").text("a.yaml") == "a.yaml:3: risk.red: is wrong (mend it)"


def test_keyword_files_give_category_and_level_and_stay_in_their_folder(tmp_path):
    words = {w.word: w for w in read_keywords(load(find("workplace-knowledge")))}
    assert (words["刷单返利"].category, words["刷单返利"].level) == ("fraud", "red")
    assert (words["原始股认购"].category, words["原始股认购"].level) == ("fundraising", "red")
    assert (words["限时特价"].category, words["限时特价"].level) == ("ad", "")
    assert words["反诈"].allow
    assert {w.category for w in words.values()} == {
        "ad", "contact", "attack", "gambling", "porn", "fraud", "fundraising", "other",
    }  # fmt: skip
    assert len(words) > 400
    outside = SHIPPED_TEXT.replace("keywords/ad.txt", "../../etc/x.txt")
    loaded = loads(outside.encode(), file="x.yaml", folder=tmp_path)
    with pytest.raises(BadBlueprint, match="lies outside the folder of the blueprint"):
        read_keywords(loaded)
