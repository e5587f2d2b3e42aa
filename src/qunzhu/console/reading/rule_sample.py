"""The sentence that a member would read, said by the engine itself on a made-up message that breaks the rule."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from qunzhu.kernel.engine.conditions import leaves, parse
from qunzhu.kernel.engine.evaluate import Occasion, decide
from qunzhu.kernel.engine.facts import Facts
from qunzhu.kernel.engine.rules import compile_rulebook, load_rules, load_settings, window_key
from qunzhu.kernel.engine.standing import Standing

_AT = datetime(2026, 11, 24, 12, 14, tzinfo=UTC)
_SAMPLES: dict[str, Any] = {"keyword.words": ("示例词",), "reason.names": {}}
_REASONS = ("示例理由",)  # of any verdict


def sentence(rule: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """For a member called 小林, whose first violation it is. Raises RulebookInvalid for a rule that cannot run."""
    tried = {**rule, "state": "live"}
    compiled = compile_rulebook(load_rules([tried]), settings=load_settings(dict(settings)))
    (entry,) = compiled.rules
    tree = parse(rule["when"], "window.0" if entry.window is not None else None)
    beyond = any(leaf.operator == "over" for leaf in leaves(tree))
    facts = Facts(None, dict.fromkeys((key for _, key in entry.facts), lambda _facts: None))
    facts.update(_SAMPLES)
    facts.update(dict.fromkeys((key for name, key in entry.facts if name.startswith("reasons.")), _REASONS))
    if entry.window is not None:
        facts[window_key(entry.window)] = max(1, int(entry.limit or 0) + beyond)
    occasion = Occasion(
        seq=1,
        at=_AT,
        at_ms=int(_AT.timestamp() * 1000),
        day=_AT.toordinal(),
        group_id=1,
        member_id=1,
        nickname="小林",
        historic=False,
        staff=False,
        cleared=False,
        evidence=lambda _window: [1],
    )
    decided = decide(compiled, [entry], facts, occasion, Standing())
    return decided[0].sentence if decided else ""
