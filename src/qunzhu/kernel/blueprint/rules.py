"""The section `rules` of a blueprint, as the engine wants it."""

from collections.abc import Iterable
from typing import Any

import msgspec

from qunzhu.kernel.blueprint.schema import Blueprint
from qunzhu.kernel.engine.rules import LadderSettings, RulebookInvalid, Settings, compile_rulebook, load_rules

_EVENT_OF = {"command": "command.posted"}


def rule_problems(rules: list[dict[str, Any]]) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the rules, each with its place below `rules`; for `loader.load(check_rules=…)`."""
    try:
        compile_rulebook(load_rules(rules))
    except RulebookInvalid as invalid:
        numbers = {str(rule.get("id")): number for number, rule in enumerate(rules) if isinstance(rule, dict)}
        for problem in invalid.problems:
            path: tuple[str | int, ...] = (numbers[problem.rule],) if problem.rule in numbers else ()
            yield (*path, *problem.field.split(".")), problem.message


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
