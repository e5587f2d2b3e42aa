"""A rule as a form for people, and back. Both ways are pure; what the form cannot show stays as it was.

The condition is: a count over a window (optional), and rows that must all (or any) be true. A deeper tree is kept
untouched and edited as YAML (`deep`).
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qunzhu.console.reading import rule_words
from qunzhu.kernel.engine.facts import FACTS

COUNT = "window.count"
UNITS = {"minutes": 1, "hours": 60, "days": 1440}
BOUNDS = ("over", "at_least", "under", "at_most", "is")
OPERATORS: dict[str, tuple[str, ...]] = {
    "number": ("over", "at_least", "under", "at_most", "is", "is_not"),
    "text": ("is", "is_not", "in", "contains", "!contains"),
    "flag": ("is",),
    "list": ("any_of", "all_of", "!any_of", "empty"),
}
LISTS = frozenset({"in", "any_of", "all_of"})
_PENALTIES = ("ladder", "warn", "mute", "remove")
_SEPARATORS = re.compile(r"[、,，;；\n]+")


@dataclass
class Row:
    """One condition: `operator` with a leading ! is negated; `value` is what a person reads and types."""

    fact: str = ""
    operator: str = ""
    value: str = ""


@dataclass
class Fields:
    """What the form holds, all of it text or a yes/no."""

    id: str = ""
    name: str = ""
    clause: str = ""
    chapter: str = "governance"
    level: str = ""
    state: str = "shadow"
    on: list[str] = field(default_factory=lambda: ["message.posted"])
    window: str = ""  # "", "message:all", "link:equal" …
    per: str = "member"
    span: str = "1"
    unit: str = "days"
    bound: str = "over"
    bound_n: str = ""
    join: str = "all"
    rows: list[Row] = field(default_factory=list)
    deep: str = ""  # the whole condition as JSON, when the form cannot show it
    penalty: str = ""
    upto: str = "remove"
    mute_n: str = "60"
    mute_unit: str = "minutes"
    recall: bool = False
    freeze: bool = False
    case: str = ""
    urgency: str = "grey"
    case_title: str = ""
    strike: bool = False
    exempt_staff: bool = True
    clearable: bool = False
    explain: str = "{nickname}，（说明发生了什么，群规 {clause}），{consequence}。觉得不对？请联系管理员。"


class FormError(ValueError):
    """A field that cannot be understood; `problems` are (field, message of the engine's kind)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in problems))
        self.problems = problems


# --- a rule into the form -------------------------------------------------------------------------------------------


def fields_of(rule: Mapping[str, Any]) -> Fields:
    """The form for a rule that the engine has accepted."""
    fields = Fields(
        id=str(rule["id"]),
        name=str(rule["name"]),
        clause=str(rule.get("clause", "")),
        chapter=str(rule["chapter"]),
        level=str(rule.get("level", "")),
        state=str(rule.get("state", "live")),
        on=list(rule["on"]),
        strike=bool(rule.get("strike")),
        exempt_staff=bool(rule.get("exempt_staff", True)),
        clearable=bool(rule.get("clearable")),
        explain=str(rule["explain"]),
    )
    _window_into(fields, rule.get("window"))
    _condition_into(fields, rule["when"])
    for action in rule["then"]:
        _action_into(fields, action)
    return fields


def _window_into(fields: Fields, window: Mapping[str, Any] | None) -> None:
    if not window:
        return
    fields.window = f"{window['of']}:{window.get('count', 'all')}"
    fields.per = str(window.get("per", "member"))
    fields.unit = next((unit for unit in UNITS if window.get(unit)), "days")
    fields.span = str(window.get(fields.unit, ""))


def _condition_into(fields: Fields, when: Any) -> None:
    parts, join = [when], "all"
    if isinstance(when, dict) and len(when) == 1 and next(iter(when)) in {"all", "any"}:
        join, parts = next(iter(when.items()))
    counts = [p for p in parts if _is_count(p)]
    rest = [p for p in parts if not _is_count(p)]
    if join == "all" and len(counts) == 1 and len(rest) == 1 and isinstance(rest[0], dict) and set(rest[0]) == {"any"}:
        join, rest = "any", rest[0]["any"]
    rows = [_row_of(part) for part in rest]
    shown = all(rows) and len(counts) <= 1 and not (counts and not fields.window)
    if not shown or (counts and join == "any" and when.get("any") is parts):
        fields.deep = json.dumps(when, ensure_ascii=False)
        return
    fields.join, fields.rows = join, [row for row in rows if row]
    if counts:
        fields.bound, number = next((k, v) for k, v in counts[0].items() if k != "fact")
        fields.bound_n = str(number)


def _is_count(part: Any) -> bool:
    return isinstance(part, dict) and part.get("fact") == COUNT and next(k for k in part if k != "fact") in BOUNDS


def _row_of(part: Any) -> Row | None:
    """One comparison as a row; None when it is more than that."""
    sign = ""
    if isinstance(part, dict) and set(part) == {"not"}:
        sign, part = "!", part["not"]
    if not isinstance(part, dict) or "fact" not in part:
        return None
    fact = part["fact"]
    operator, value = next((k, v) for k, v in part.items() if k != "fact")
    shown = f"{sign}{operator}"
    if fact == COUNT or fact not in FACTS or shown not in OPERATORS[FACTS[fact].type]:
        return None
    return Row(fact, shown, value_text(fact, value))


def value_text(fact: str, value: Any) -> str:
    """A value as it stands in the form."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "、".join(value_text(fact, item) for item in value)
    return rule_words.choices(fact).get(str(value), str(value))


def _action_into(fields: Fields, action: Mapping[str, Any]) -> None:
    name, how = next(iter(action.items()))
    if name in _PENALTIES:
        fields.penalty = name
    if name == "ladder" and isinstance(how, dict):
        fields.upto = str(how.get("upto", "remove"))
    elif name == "mute":
        minutes = int(how["minutes"])
        fields.mute_unit = next(unit for unit in ("days", "hours", "minutes") if minutes % UNITS[unit] == 0)
        fields.mute_n = str(minutes // UNITS[fields.mute_unit])
    elif name in {"recall", "freeze"}:
        setattr(fields, name, True)
    elif name == "case":
        fields.case, fields.urgency = str(how["kind"]), str(how.get("urgency", "grey"))
        fields.case_title = str(how.get("title", ""))


# --- the form into a rule -------------------------------------------------------------------------------------------


def posted(data: Any) -> Fields:
    """The form as it was sent (a QueryDict); unknown choices come out as they are and are refused by the engine."""
    plain = {name: str(data.get(name, "")).strip() for name in _TEXTS}
    rows = [
        Row(fact, operator, value.strip())
        for fact, operator, value in zip(
            data.getlist("fact"), data.getlist("operator"), data.getlist("value"), strict=False
        )
        if fact
    ]
    flags = {name: data.get(name) == "on" for name in _FLAGS}
    fields = Fields(on=data.getlist("on"), rows=rows)
    for name, value in {**plain, **flags}.items():
        setattr(fields, name, value)
    return fields


_FLAGS = ("recall", "freeze", "strike", "exempt_staff", "clearable")
_TEXTS = tuple(f for f in Fields.__dataclass_fields__ if f not in {*_FLAGS, "on", "rows"})


def rule_of(fields: Fields, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The rule that the form describes, defaults left out, in the order of `before`. Raises FormError."""
    problems: list[tuple[str, str]] = []
    when = _when(fields, problems)
    rule: dict[str, Any] = {
        "id": fields.id,
        "chapter": fields.chapter,
        "name": fields.name,
        "clause": fields.clause,
        "state": fields.state,
        "on": fields.on,
        "window": _window(fields, problems),
        "when": when,
        "level": fields.level,
        "exempt_staff": fields.exempt_staff,
        "clearable": fields.clearable,
        "strike": fields.strike,
        "then": _then(fields, problems),
        "explain": fields.explain,
    }
    if not fields.name:
        problems.append(("name", "must not be empty"))
    if problems:
        raise FormError(problems)
    given = {k: v for k, v in rule.items() if k not in _DEFAULTS or v != _DEFAULTS[k] or (before and k in before)}
    if given.get("window") is None:
        given.pop("window", None)
    if before is None:
        return given
    if _same_actions(before["then"], given["then"]):
        given["then"] = before["then"]
    if fields_of(before) == fields_of({**before, "when": given["when"], "window": given.get("window")}):
        given |= {k: before[k] for k in ("when", "window") if k in before}
    order = {key: place for place, key in enumerate(before)}
    return dict(sorted(given.items(), key=lambda item: order.get(item[0], len(order))))


_DEFAULTS: dict[str, Any] = {
    "clause": "", "state": "live", "window": None, "level": "", "exempt_staff": True, "clearable": False,
    "strike": False,
}  # fmt: skip


def _same_actions(old: Sequence[Any], new: Sequence[Any]) -> bool:
    def written(actions: Iterable[Any]) -> list[str]:
        return sorted(json.dumps(action, sort_keys=True) for action in actions)

    return written(old) == written(new)


def _number(text: str, name: str, problems: list[tuple[str, str]]) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 9:  # noqa: PLR2004  (what an int4 holds)
        return int(text)
    problems.append((name, "must be at least 1"))
    return 0


def _window(fields: Fields, problems: list[tuple[str, str]]) -> dict[str, Any] | None:
    if not fields.window:
        return None
    of, _, count = fields.window.partition(":")
    window: dict[str, Any] = {"of": of}
    if count != "all":
        window["count"] = count
    window["per"] = fields.per
    unit = fields.unit if fields.unit in UNITS else "days"
    window[unit] = _number(fields.span, "window", problems)
    return window


def _when(fields: Fields, problems: list[tuple[str, str]]) -> Any:
    if fields.deep:
        try:
            return json.loads(fields.deep)
        except ValueError:
            problems.append(("when", "a condition is missing"))
            return None
    rows = [_leaf(row, problems) for row in fields.rows]
    count = {"fact": COUNT, fields.bound: _number(fields.bound_n, "bound_n", problems)} if fields.window else None
    if not rows:
        if count is None:
            problems.append(("when", "a condition is missing"))
        return count
    if fields.join == "any" and len(rows) > 1:
        return {"all": [count, {"any": rows}]} if count else {"any": rows}
    parts = [count, *rows] if count else rows
    return parts[0] if len(parts) == 1 else {"all": parts}


def _leaf(row: Row, problems: list[tuple[str, str]]) -> Any:
    operator = row.operator.removeprefix("!")
    fact = FACTS.get(row.fact)
    value: Any = row.value
    if fact is None:
        problems.append(("when", f"unknown fact {row.fact!r}"))
    elif fact.type == "flag" or operator == "empty":
        value = row.value == "yes"
    elif operator in LISTS:
        parts = [part.strip() for part in _SEPARATORS.split(row.value) if part.strip()]
        value = [_one(row.fact, fact.type, part) for part in parts]
        if not value:
            problems.append(("when", "must not be empty"))
    else:
        value = _one(row.fact, fact.type, row.value)
        if value == "":
            problems.append(("when", "must not be empty"))
    leaf = {"fact": row.fact, operator: value}
    return {"not": leaf} if row.operator.startswith("!") else leaf


def _one(fact: str, kind: str, text: str) -> Any:
    if kind == "number":
        try:
            return int(text)
        except ValueError:
            pass
        try:
            number = float(text)
        except ValueError:
            return text
        return number if math.isfinite(number) else text
    codes = {label: code for code, label in rule_words.choices(fact).items()}
    return codes.get(text, text)


def _then(fields: Fields, problems: list[tuple[str, str]]) -> list[dict[str, Any]]:
    then: list[dict[str, Any]] = []
    if fields.penalty == "ladder":
        then.append({"ladder": True if fields.upto == "remove" else {"upto": fields.upto}})
    elif fields.penalty == "mute":
        unit = UNITS.get(fields.mute_unit, 1)
        then.append({"mute": {"minutes": _number(fields.mute_n, "then", problems) * unit}})
    elif fields.penalty:
        then.append({fields.penalty: {}})
    then += [{name: {}} for name in ("recall", "freeze") if getattr(fields, name)]
    if fields.case:
        case = {"kind": fields.case, "urgency": fields.urgency, "title": fields.case_title}
        then.append({"case": {k: v for k, v in case.items() if v and (k, v) != ("urgency", "grey")}})
    return then
