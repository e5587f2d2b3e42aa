"""Mistakes are named by rule and field; conditions are three-valued; a broken rule stops only itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.kernel.engine.conditions import compile_tree, parse
from qunzhu.kernel.engine.evaluate import Tally, match
from qunzhu.kernel.engine.facts import Facts
from qunzhu.kernel.engine.rules import RulebookInvalid, compile_rulebook, load_rules, load_settings
from qunzhu.kernel.engine.tests.workplace import workplace


def rule(**changes: Any) -> dict[str, Any]:
    base = {
        "id": "r", "chapter": "risk", "name": "n", "on": ["message.posted"], "then": [{"warn": {}}], "explain": "好。",
        "when": {"fact": "message.length", "over": 3},
    }  # fmt: skip
    return {k: v for k, v in (base | changes).items() if v is not None}


def test_the_workplace_rules_compile():
    book = workplace()
    compiled = compile_rulebook(load_rules(book["rules"]), version=4, settings=load_settings(book["settings"]))
    assert [r.rule.id for r in compiled.rules] == [r["id"] for r in book["rules"]]
    assert [(p.of, p.per, p.horizon_ms, p.horizon_days) for p in compiled.plans] == [
        ("ad", "member", 0, 1),
        ("link", "member", 3_600_000, 0),
        ("message", "member", 0, 1),
        ("report", "member", 86_400_000, 0),
    ]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (rule(levle="red"), "rule 'r', field rule: Object contains unknown field `levle`"),
        (rule(level="blue"), "rule 'r', field level: Invalid enum value 'blue'"),
        (rule(explain=None), "rule 'r', field rule: Object missing required field `explain`"),
        (rule(explain="{nam}"), "rule 'r', field explain: unknown placeholder nam"),
        (rule(explain="{count}"), "rule 'r', field explain: {count} needs the rule's window"),
        (rule(explain="{nickname.__class__}"), "rule 'r', field explain: unknown placeholder nickname.__class__"),
        (
            rule(on=["member.left"]),
            "rule 'r', field on: expected some of command.posted, message.posted, report.filed",
        ),
        (rule(when={"fact": "nope", "over": 1}), "rule 'r', field when.fact: unknown fact 'nope'"),
        (
            rule(when={"all": [{"fact": "message.length", "is": "x"}]}),
            "rule 'r', field when.all[0].is: 'x' does not fit message.length, a number",
        ),
        (
            rule(when={"fact": "ad.looks", "over": 1}),
            "rule 'r', field when.over: ad.looks is a flag; over does not compare that",
        ),
        (
            rule(when={"fact": "window.count", "over": 1}),
            "rule 'r', field when.fact: window.count needs the rule's window",
        ),
        (rule(then=[]), "rule 'r', field then: at least one action"),
        (rule(then=[{"warn": {}, "remove": {}}]), "rule 'r', field then[0]: exactly one action in each entry"),
        (rule(then=[{"mute": {"minutes": 0}}]), "rule 'r', field then[0].mute.minutes: between 1 and 43200"),
        (
            rule(then=[{"freeze": {}}], strike=True),
            "rule 'r', field strike: a strike needs a penalty: ladder, warn, mute or remove",
        ),
        (rule(window={"of": "link"}), "rule 'r', field window: exactly one of minutes, hours, days, at least 1"),
        (
            rule(window={"of": "link", "count": "equal", "days": 1}),
            "rule 'r', field window.count: equal is counted over minutes or hours, not over days",
        ),
    ],
)  # fmt: skip
def test_a_mistake_names_rule_and_field(raw, message):
    with pytest.raises(RulebookInvalid) as caught:
        load_rules([raw])
    assert str(caught.value.problems[0]) == message


def test_all_mistakes_are_found_at_once():
    with pytest.raises(RulebookInvalid) as caught:
        load_rules([rule(), rule(then=[]), rule(id="s", level="x")])
    assert [(p.rule, p.field) for p in caught.value.problems] == [("r", "id"), ("r", "then"), ("s", "level")]


def test_settings_are_checked():
    with pytest.raises(RulebookInvalid, match="rule 'settings', field zone: unknown time zone 'Mars/Base'"):
        load_settings({"zone": "Mars/Base"})
    with pytest.raises(RulebookInvalid, match=r"field ladder.mute_minutes: must be at least 1"):
        load_settings({"ladder": {"mute_minutes": 0}})


TREES = st.recursive(
    st.sampled_from(["t", "f", "u"]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)),
        st.tuples(st.just("not"), inner),
    ),
    max_leaves=8,
)
LEAVES = {
    "t": {"fact": "message.length", "over": 1},
    "f": {"fact": "message.length", "under": 1},
    "u": {"fact": "message.lines", "over": 1},
}


def raw_tree(tree: Any) -> dict[str, Any]:
    if isinstance(tree, str):
        return LEAVES[tree]
    word, inner = tree
    return {word: raw_tree(inner) if word == "not" else [raw_tree(t) for t in inner]}


def kleene(tree: Any) -> bool | None:
    """Three-valued logic by the book: false 0, unknown ½, true 1; all is min, any is max, not is 1 − x."""

    def number(tree: Any) -> float:
        if isinstance(tree, str):
            return {"t": 1, "u": 0.5, "f": 0}[tree]
        word, inner = tree
        if word == "not":
            return 1 - number(inner)
        return (min if word == "all" else max)(number(t) for t in inner)

    return {0: False, 0.5: None, 1: True}[number(tree)]


def depth(tree: Any) -> int:
    if isinstance(tree, str):
        return 0
    word, inner = tree
    return 1 + (depth(inner) if word == "not" else max(map(depth, inner)))


@given(TREES.filter(lambda tree: depth(tree) <= 8))
def test_unknown_is_not_false(tree):
    facts = {"message.length": 5, "message.lines": None}
    answer = compile_tree(parse(raw_tree(tree), None))(facts)
    assert answer is kleene(tree)


def test_a_rule_that_raises_is_tallied_and_the_others_go_on():
    def broken(_: Facts) -> Any:
        raise ZeroDivisionError

    rules = [rule(id="bad", when={"fact": "link.count", "over": 1}), rule(id="good")]
    rules.append(rule(id="gated", when={"fact": "keyword.categories", "any_of": ["x"]}))
    compiled, tally = compile_rulebook(load_rules(rules)), Tally()
    facts = Facts(None, {"link.count": broken, "message.length": lambda _: 9, "keyword.categories": broken})
    assert [r.rule.id for r in match(compiled, "message.posted", facts, tally)] == ["good"]
    assert (dict(tally.failed), dict(tally.matched)) == ({"gated": 1, "bad": 1}, {"good": 1})
    assert tally.errors == {"gated": "ZeroDivisionError()", "bad": "ZeroDivisionError()"}


def test_rules_behind_an_index_are_asked_only_when_they_can_match():
    rules = [rule(id=f"r{n}", when={"fact": "keyword.categories", "any_of": [f"c{n}", "all"]}) for n in range(50)]
    compiled = compile_rulebook(load_rules(rules))
    for categories, expected in ((("c7",), 1), ((), 0), (("c1", "c2"), 2), (("all", "c3"), 51)):
        tally = Tally()
        match(compiled, "message.posted", Facts(None, {"keyword.categories": lambda _, c=categories: c}), tally)
        assert tally.evaluated == expected


def test_drafts_are_left_out():
    assert compile_rulebook(load_rules([rule(state="draft")])).rules == ()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"bounds": {"fraud": 0.55}}, False),  # the fact itself is not asked for
        ({"bounds": {"fraud": 1.0}, "verdict.fraud": 0.8}, True),
        ({"bounds": {"fraud": 0.75}, "verdict.fraud": 0.75}, True),
        ({"bounds": {"fraud": 1.0}, "verdict.fraud": 0.7}, False),
        ({"bounds": None, "verdict.fraud": None}, None),
    ],
)
def test_a_bound_answers_for_a_costly_fact(facts, expected):
    tree = parse({"fact": "verdict.fraud", "at_least": 0.75}, None)
    assert compile_tree(tree)(facts) is expected
