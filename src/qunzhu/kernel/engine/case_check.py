"""Whether the cases that rules open exist. Pure, and apart from the engine, which knows no cases."""

from collections.abc import Sequence

from qunzhu.kernel.cases.kinds import OPENED_BY_RULES
from qunzhu.kernel.engine.rules import Problem, Rule, RulebookInvalid


def check_cases(rules: Sequence[Rule]) -> None:
    """Raise RulebookInvalid where a rule would open a case that there is not: its first hit would stop the consumer."""
    problems = [
        Problem(rule.id, f"then[{number}].case.kind", f"{action.case.kind!r} is none of {', '.join(OPENED_BY_RULES)}")
        for rule in rules
        for number, action in enumerate(rule.then)
        if action.case is not None and action.case.kind not in OPENED_BY_RULES
    ]
    if problems:
        raise RulebookInvalid(problems)
