"""The section `rules` of a blueprint, as the engine wants it; and a rulebook as a text of its own."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from qunzhu.kernel.blueprint.loader import BadBlueprint, Mistake, Path_, dotted, line_of, parse_yaml, plain
from qunzhu.kernel.blueprint.schema import Blueprint
from qunzhu.kernel.engine.case_check import check_cases
from qunzhu.kernel.engine.conditions import OPERATORS
from qunzhu.kernel.engine.facts import FACTS
from qunzhu.kernel.engine.rules import (
    PLACEHOLDERS,
    Action,
    LadderSettings,
    Rule,
    RulebookInvalid,
    Settings,
    Window,
    compile_rulebook,
    load_rules,
    load_settings,
)

_EVENT_OF = {"command": "command.posted"}


def rule_problems(rules: list[dict[str, Any]]) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the rules, each with its place below `rules`; for `loader.load(check_rules=…)`."""
    try:
        loaded = load_rules(rules)
        check_cases(loaded)
        compile_rulebook(loaded)
    except RulebookInvalid as invalid:
        numbers = {str(rule.get("id")): number for number, rule in enumerate(rules) if isinstance(rule, dict)}
        for problem in invalid.problems:
            path: tuple[str | int, ...] = (numbers[problem.rule],) if problem.rule in numbers else ()
            yield (*path, *path_of(problem.field)), problem.message


def path_of(field: str) -> tuple[str | int, ...]:
    """`when.all[0].fact` as the steps to it."""
    return tuple(int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", field))


def rulebook_settings(blueprint: Blueprint) -> dict[str, Any]:
    """What holds for the whole rulebook: ladder, strikes and what does not count, from the chapter governance."""
    governance = blueprint.governance
    mute = next((step.minutes for step in governance.ladder if step.minutes), 60)
    settings = Settings(
        zone=blueprint.timezone,
        ladder=LadderSettings(
            mute_minutes=mute, strikes_to_remove=governance.strikes.limit, strike_days=governance.strikes.expire_after
        ),
        not_counted=tuple(_EVENT_OF.get(name, name) for name in governance.daily_messages.not_counted),
    )
    plain: dict[str, Any] = msgspec.to_builtins(settings)
    return plain


MAX_TEXT = 500_000
_KNOWN = sorted({*Rule.__struct_fields__, *Window.__struct_fields__, *Action.__struct_fields__, *OPERATORS, "fact",
                 *Settings.__struct_fields__, *LadderSettings.__struct_fields__})  # fmt: skip


def read_rulebook(text: str, *, file: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Rules and settings (None: it has none) of a YAML text: {settings, rules} or a whole blueprint.

    Raises BadBlueprint with every mistake: line, field, what is wrong, and a remedy where one can be named.
    """
    if len(text) > MAX_TEXT:
        raise BadBlueprint(file, [Mistake(0, "", f"has more than {MAX_TEXT:,} characters", "split it")])
    tree = parse_yaml(text, file)
    data = plain(tree)
    mistakes = [
        Mistake(line_of(tree, (key,)), key, "is not a known setting", "a rulebook has: settings, rules")
        for key in data
        if key not in {"settings", "rules"} and "format" not in data
    ]
    if "rules" not in data:
        mistakes.append(Mistake(1, "", "lacks 'rules'", "add it"))
    mistakes += [
        Mistake(line_of(tree, path), dotted(path), "holds a character that cannot be kept", "remove it")
        for path in _unwritable(data, ())
    ]
    rules, settings = data.get("rules"), data.get("settings")
    for path, message in [*_settings_problems(settings), *(_rules_problems(rules) if "rules" in data else ())]:
        mistakes.append(Mistake(line_of(tree, path), dotted(path), message, remedy_of(message)))
    if mistakes:
        raise BadBlueprint(file, mistakes)
    return rules, settings


def _unwritable(value: Any, path: Path_) -> Iterable[Path_]:
    """Places of texts that no database column can hold: NUL, halves of a surrogate pair."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unwritable(key, path)
            yield from _unwritable(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unwritable(item, (*path, number))


def _settings_problems(settings: Any) -> Iterable[tuple[Path_, str]]:
    if settings is not None and not isinstance(settings, Mapping):
        yield ("settings",), "must be a mapping"
        return
    try:
        load_settings(settings)
    except RulebookInvalid as invalid:
        for problem in invalid.problems:
            yield ("settings", *path_of(problem.field)), problem.message


def _rules_problems(rules: Any) -> Iterable[tuple[Path_, str]]:
    if not isinstance(rules, list):
        yield ("rules",), "expected a list of rules"
        return
    for path, message in rule_problems(rules):
        yield ("rules", *path), message


def remedy_of(message: str) -> str:
    """What to do about a mistake that the engine found; "" where the message says it already."""
    wrong = re.search(r"unknown (?:fact|placeholder|field) [`']?([\w.]+)|contains unknown field `(\w+)`", message)
    if wrong is None:
        return ""
    name = wrong.group(1) or wrong.group(2)
    known = list(FACTS) if "fact" in message else sorted(PLACEHOLDERS) if "placeholder" in message else _KNOWN
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
