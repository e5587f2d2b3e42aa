"""Condition trees: checked against the catalogue of facts, compiled to closures, three-valued.

A tree is {all: [tree…]}, {any: [tree…]}, {not: tree} or a leaf {fact: NAME, OPERATOR: value}. A closure takes the
facts of an event and answers True, False or None (unknown): "unknown" is not "false", so `not unknown` is unknown.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from qunzhu.kernel.engine.facts import BOUNDS, FACTS

Test = Callable[[Any], bool | None]
MAX_DEPTH = 8
LARGEST = 10**12


class Leaf(msgspec.Struct, frozen=True):
    """One comparison. `fact` is the name in the catalogue, `key` the name it is looked up by."""

    fact: str
    operator: str
    value: Any
    key: str


class Node(msgspec.Struct, frozen=True):
    """`all`, `any` or `not` over children."""

    word: str
    children: tuple[Any, ...]


Tree = Leaf | Node

OPERATORS: dict[str, tuple[str, ...]] = {
    "over": ("number",),
    "at_least": ("number",),
    "under": ("number",),
    "at_most": ("number",),
    "is": ("number", "text", "flag"),
    "is_not": ("number", "text", "flag"),
    "in": ("number", "text"),
    "contains": ("text",),
    "any_of": ("list",),
    "all_of": ("list",),
    "empty": ("list",),
}


class ConditionError(ValueError):
    """A condition that cannot be compiled; `path` is where in the tree."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def parse(raw: Any, window_key: str | None, path: str = "when", depth: int = 0) -> Tree:
    """Check a raw tree; `window_key` replaces the fact window.count (None: the rule has no window)."""
    if not isinstance(raw, dict) or not raw:
        raise ConditionError(path, "a condition is {all: […]}, {any: […]}, {not: …} or {fact: …, <operator>: …}")
    if depth > MAX_DEPTH:
        raise ConditionError(path, f"conditions may be nested {MAX_DEPTH} deep")
    if "fact" in raw:
        return _parse_leaf(raw, window_key, path)
    if len(raw) != 1 or next(iter(raw)) not in {"all", "any", "not"}:
        raise ConditionError(path, f"expected one of all, any, not, fact; found {', '.join(map(str, raw))}")
    word, inner = next(iter(raw.items()))
    if word == "not":
        return Node("not", (parse(inner, window_key, f"{path}.not", depth + 1),))
    if not isinstance(inner, list) or not inner:
        raise ConditionError(f"{path}.{word}", "expected a list with at least one condition")
    children = tuple(parse(c, window_key, f"{path}.{word}[{i}]", depth + 1) for i, c in enumerate(inner))
    return Node(word, children)


def _parse_leaf(raw: dict[str, Any], window_key: str | None, path: str) -> Leaf:
    name = raw["fact"]
    fact = FACTS.get(name) if isinstance(name, str) else None
    if fact is None:
        raise ConditionError(f"{path}.fact", f"unknown fact {name!r}")
    words = [word for word in raw if word != "fact"]
    if len(words) != 1 or words[0] not in OPERATORS:
        raise ConditionError(path, f"expected one operator of {', '.join(OPERATORS)}")
    word = words[0]
    if fact.type not in OPERATORS[word]:
        raise ConditionError(f"{path}.{word}", f"{name} is a {fact.type}; {word} does not compare that")
    value = raw[word]
    if not _value_fits(fact.type, word, value):
        raise ConditionError(f"{path}.{word}", f"{value!r} does not fit {name}, a {fact.type}")
    if name == "window.count":
        if window_key is None:
            raise ConditionError(f"{path}.fact", "window.count needs the rule's window")
        return Leaf(name, word, value, window_key)
    return Leaf(name, word, value, name)


def _value_fits(kind: str, word: str, value: Any) -> bool:
    if word in {"in", "any_of", "all_of"}:
        one = (int, float) if kind == "number" else str
        return isinstance(value, list) and bool(value) and all(_is(v, one) for v in value)
    if kind == "flag" or word == "empty":
        return isinstance(value, bool)
    return _is(value, (int, float) if kind == "number" else str)


def _is(value: Any, kinds: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    return isinstance(value, str) or abs(value) <= LARGEST  # not NaN, nor what JSON cannot carry


def leaves(tree: Tree) -> Iterator[Leaf]:
    """All comparisons of a tree, from left to right."""
    if isinstance(tree, Leaf):
        yield tree
    else:
        for child in tree.children:
            yield from leaves(child)


def cost(tree: Tree) -> int:
    """What a tree may cost: the sum of its facts."""
    return sum(FACTS[leaf.fact].cost + (leaf.operator in {"contains", "any_of", "all_of"}) for leaf in leaves(tree))


def conjuncts(tree: Tree) -> list[Tree]:
    """The trees that must all be true, cheapest first; nested `all` is flattened."""
    if isinstance(tree, Node) and tree.word == "all":
        flat = [part for child in tree.children for part in conjuncts(child)]
        return sorted(flat, key=cost)
    return [tree]


def compile_tree(tree: Tree) -> Test:
    """The closure of a tree."""
    if isinstance(tree, Leaf):
        return _compile_leaf(tree)
    tests = tuple(compile_tree(child) for child in sorted(tree.children, key=cost))
    if tree.word == "not":
        return _negate(tests[0])
    return _all(tests) if tree.word == "all" else _any(tests)


def _negate(test: Test) -> Test:
    def negation(facts: Any) -> bool | None:
        answer = test(facts)
        return None if answer is None else not answer

    return negation


def _all(tests: tuple[Test, ...]) -> Test:
    def conjunction(facts: Any) -> bool | None:
        result: bool | None = True
        for test in tests:
            answer = test(facts)
            if answer is False:
                return False
            if answer is None:
                result = None
        return result

    return conjunction


def _any(tests: tuple[Test, ...]) -> Test:
    def disjunction(facts: Any) -> bool | None:
        result: bool | None = False
        for test in tests:
            answer = test(facts)
            if answer:
                return True
            if answer is None:
                result = None
        return result

    return disjunction


# One closure for each operator, written out: a second call inside would cost as much again as the comparison.


def _over(key: str, value: Any) -> Test:
    def over(facts: Any) -> bool | None:
        fact = facts[key]
        return None if fact is None else fact > value

    return over


def _at_least(key: str, value: Any) -> Test:
    def at_least(facts: Any) -> bool | None:
        fact = facts[key]
        return None if fact is None else fact >= value

    return at_least


def _equal(key: str, value: Any) -> Test:
    def equal(facts: Any) -> bool | None:
        fact = facts[key]
        return None if fact is None else fact == value

    return equal


def _by(compare: Callable[[Any, Any], bool]) -> Callable[[str, Any], Test]:
    def make(key: str, value: Any) -> Test:
        def comparison(facts: Any) -> bool | None:
            fact = facts[key]
            return None if fact is None else compare(fact, value)

        return comparison

    return make


_COMPARE: dict[str, Callable[[str, Any], Test]] = {
    "over": _over,
    "at_least": _at_least,
    "under": _by(operator.lt),
    "at_most": _by(operator.le),
    "is": _equal,
    "is_not": _by(operator.ne),
    "in": _by(lambda fact, value: fact in value),
    "contains": _by(operator.contains),
    "any_of": _by(lambda fact, value: not value.isdisjoint(fact)),
    "all_of": _by(lambda fact, value: value.issubset(fact)),
    "empty": _by(lambda fact, value: (not fact) == value),
}


def _compile_leaf(leaf: Leaf) -> Test:
    value = frozenset(leaf.value) if isinstance(leaf.value, list) else leaf.value
    test = _COMPARE[leaf.operator](leaf.key, value)
    bound = FACTS[leaf.fact].bound
    return _bounded(test, bound, leaf.value) if bound and leaf.operator in {"over", "at_least"} else test


def _bounded(test: Test, bound: str, value: float) -> Test:
    """`test`, asked only where the bound does not answer it already."""

    def bounded(facts: Any) -> bool | None:
        bounds = facts[BOUNDS]
        return False if bounds is not None and bounds[bound] < value else test(facts)

    return bounded
