"""What a rule is, and how a rulebook is checked and compiled.

A rule is data (YAML or JSON): on these events, when this condition is true, do that. `load_rules` checks it and names
rule and field of every mistake; `compile_rulebook` turns it into closures, once, ordered and indexed so that an
event meets only the rules that can match it (see `Compiled`).
"""

import string
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from qunzhu.kernel.engine import conditions
from qunzhu.kernel.engine.conditions import Leaf, Test, Tree
from qunzhu.kernel.engine.facts import FACTS

Level = Literal["", "notice", "yellow", "orange", "red"]
Step = Literal["warn", "mute", "remove"]
State = Literal["live", "shadow", "draft", "retired"]

STREAMS: dict[str, str] = {
    "message": "消息(群规里计数的那些)",
    "ad": "没有报备的广告",
    "link": "链接,按规范写法区分",
    "text": "消息文字,按规范化文字区分",
    "report": "被举报(私加除外),按举报人区分",
    "private_add": "被举报私加,按举报人区分",
}
JUDGED_KINDS = frozenset({"message.posted", "command.posted", "report.filed"})
PLACEHOLDERS = frozenset({
    "nickname", "clause", "count", "limit", "window", "consequence", "until", "words",
    "strikes", "strikes_to_remove", "reasons",
})  # fmt: skip


MAX_RULES = 500
_LONGEST = {"id": 60, "name": 60, "clause": 20, "explain": 500}
# The largest value of each setting; a mute lasts 30 days at most.
_LARGEST = {"ladder.mute_minutes": 43_200, "ladder.strikes_to_remove": 1_000, "ladder.strike_days": 3_650,
            "repeat_case_hours": 87_600}  # fmt: skip
_MONTH_MS = 31 * 86_400_000


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Counts a stream: all events, distinct keys, or the most frequent key of this event; per member or group.

    Exactly one span: `minutes` or `hours` slide over event time, `days` are days of the community's zone.
    """

    of: Literal["message", "ad", "link", "text", "report", "private_add"]
    count: Literal["all", "distinct", "equal"] = "all"
    per: Literal["member", "group"] = "member"
    minutes: int = 0
    hours: int = 0
    days: int = 0

    @property
    def span_ms(self) -> int:
        return (self.minutes + self.hours * 60) * 60_000


class Ladder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The next step of warn → mute → remove, at most `upto`."""

    upto: Step = "remove"


class Mute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    minutes: int


class Hush(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the platform cannot mute: what follows on each message during the mute, and after how many a removal."""

    by: Literal["warn", "recall"] = "warn"
    remove_after: int = 3


class OpenCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    urgency: Literal["grey", "yellow", "orange", "red"] = "grey"
    title: str = ""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An action without settings is written as {}."""


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of: {ladder: true}, {mute: {minutes: 60}}, {warn: {}}, {case: {…}}, {freeze: {}}, {remove: {}}, …"""

    ladder: Ladder | Literal[True] | None = None
    mute: Mute | None = None
    warn: Nothing | None = None
    remove: Nothing | None = None
    recall: Nothing | None = None
    freeze: Nothing | None = None
    hush: Hush | None = None
    case: OpenCase | None = None

    @property
    def name(self) -> str:
        return next((n for n in self.__struct_fields__ if getattr(self, n) is not None), "")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule as data; `when` is a condition tree (see conditions.py)."""

    id: str
    chapter: Literal["governance", "risk"]
    name: str
    on: tuple[str, ...]
    when: Any
    then: tuple[Action, ...]
    explain: str
    state: State = "live"
    window: Window | None = None
    level: Level = ""
    strike: bool = False
    clause: str = ""
    exempt_staff: bool = True
    clearable: bool = False  # an ad clearance covers it


class LadderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mute_minutes: int = 60
    strikes_to_remove: int = 3
    strike_days: int = 30


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for a whole rulebook. `not_counted`: event kinds and message types outside the stream `message`."""

    zone: str = "Asia/Shanghai"
    ladder: LadderSettings = LadderSettings()
    not_counted: tuple[str, ...] = ("command.posted", "checkin", "vote")
    repeat_case_hours: int = 24  # the same rule on the same member opens one case in this time


class Problem(msgspec.Struct, frozen=True):
    """One mistake: rule id ("settings" for those), field, and what is wrong."""

    rule: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"rule {self.rule!r}, field {self.field}: {self.message}"


class RulebookInvalid(ValueError):
    """A rulebook that cannot be used; `problems` has every mistake that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule ready to run: `tests` all have to answer True, cheapest first."""

    rule: Rule
    order: int
    tests: tuple[Test, ...]
    window: int | None  # index in Compiled.windows
    limit: int | float | None
    facts: tuple[tuple[str, str], ...]  # (name, lookup key) of all that its condition looks at


class Index(msgspec.Struct, frozen=True):
    """Rules that can match only when `fact` has (or holds) one of these values."""

    fact: str
    many: bool  # the fact is a list
    rules: dict[Any, tuple[CompiledRule, ...]]


class StreamPlan(msgspec.Struct, frozen=True):
    """How long a stream must be kept for a subject: ms of sliding windows and local days; 0 when not needed."""

    of: str
    per: str
    horizon_ms: int
    horizon_days: int


class Compiled(msgspec.Struct, frozen=True):
    """A rulebook ready to run.

    `by_kind` has, for an event kind, the indexes to look into and the rules that must always be asked.
    """

    version: int
    settings: Settings
    rules: tuple[CompiledRule, ...]
    windows: tuple[Window, ...]
    plans: tuple[StreamPlan, ...]
    by_kind: dict[str, tuple[tuple[Index, ...], tuple[CompiledRule, ...]]]


def window_key(index: int) -> str:
    """The name by which the facts of an event know window `index`."""
    return f"window.{index}"


def load_rules(raw: Any) -> tuple[Rule, ...]:
    """Rules from plain data. Raises RulebookInvalid with every mistake."""
    if not isinstance(raw, list | tuple):
        raise RulebookInvalid([Problem("", "rules", "expected a list of rules")])
    if len(raw) > MAX_RULES:
        raise RulebookInvalid([Problem("", "rules", f"may have at most {MAX_RULES} rules")])
    problems: list[Problem] = []
    rules: list[Rule] = []
    seen: set[str] = set()
    for number, item in enumerate(raw):
        name = str(item.get("id", f"#{number + 1}")) if isinstance(item, dict) else f"#{number + 1}"
        try:
            rule = msgspec.convert(item, Rule)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            problems.append(Problem(name, path.strip("`.") or "rule", message))
            continue
        problems += _check(rule, seen)
        seen.add(rule.id)
        rules.append(rule)
    if problems:
        raise RulebookInvalid(problems)
    return tuple(rules)


def load_settings(raw: Any) -> Settings:
    """Settings from plain data ({} or None: all defaults). Raises RulebookInvalid."""
    from zoneinfo import ZoneInfo

    try:
        settings = msgspec.convert(raw or {}, Settings)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise RulebookInvalid([Problem("settings", path.strip("`.") or "settings", message)]) from None
    problems = []
    try:
        ZoneInfo(settings.zone)
    except (ValueError, OSError, LookupError):
        problems.append(Problem("settings", "zone", f"unknown time zone {settings.zone!r}"))
    numbers = {f"ladder.{name}": getattr(settings.ladder, name) for name in settings.ladder.__struct_fields__}
    numbers["repeat_case_hours"] = settings.repeat_case_hours
    problems += [Problem("settings", name, "must be at least 1") for name, value in numbers.items() if value < 1]
    problems += [
        Problem("settings", name, f"must be at most {_LARGEST[name]}")
        for name, value in numbers.items()
        if value > _LARGEST[name]
    ]
    if problems:
        raise RulebookInvalid(problems)
    return settings


def _check(rule: Rule, seen: set[str]) -> list[Problem]:
    found: list[tuple[str, str]] = []
    if not rule.id.strip():
        found.append(("id", "must not be empty"))
    for name, longest in _LONGEST.items():
        if len(getattr(rule, name)) > longest:
            found.append((name, f"may have at most {longest} characters"))
    if rule.id in seen:
        found.append(("id", "is used twice"))
    if not rule.on or not JUDGED_KINDS.issuperset(rule.on):
        found.append(("on", f"expected some of {', '.join(sorted(JUDGED_KINDS))}"))
    found += _check_window(rule.window)
    found += _check_actions(rule)
    found += _check_sentence(rule)
    try:
        conditions.parse(rule.when, "window.0" if rule.window else None)
    except conditions.ConditionError as error:
        found.append((error.path, str(error)))
    return [Problem(rule.id, field, message) for field, message in found]


def _check_window(window: Window | None) -> list[tuple[str, str]]:
    if window is None:
        return []
    found = []
    spans = [s for s in (window.minutes, window.hours, window.days) if s]
    if len(spans) != 1 or spans[0] < 1:
        found.append(("window", "exactly one of minutes, hours, days, at least 1"))
    if window.days and window.count != "all":
        found.append(("window.count", f"{window.count} is counted over minutes or hours, not over days"))
    if window.count != "all" and window.of in {"message", "ad"}:
        found.append(("window.count", f"{window.of} has no keys to tell apart; count all"))
    if window.days > 31 or window.span_ms > _MONTH_MS:  # noqa: PLR2004
        found.append(("window.days" if window.days else "window", "at most 31 days"))
    return found


def _check_actions(rule: Rule) -> list[tuple[str, str]]:
    found = []
    for number, action in enumerate(rule.then):
        given = [n for n in action.__struct_fields__ if getattr(action, n) is not None]
        if len(given) != 1:
            found.append((f"then[{number}]", "exactly one action in each entry"))
        if action.mute is not None and not 1 <= action.mute.minutes <= 43_200:  # noqa: PLR2004
            found.append((f"then[{number}].mute.minutes", "between 1 and 43200"))
        if action.hush is not None and not 1 <= action.hush.remove_after <= 100:  # noqa: PLR2004
            found.append((f"then[{number}].hush.remove_after", "between 1 and 100"))
    penalties = [a.name for a in rule.then if a.name in {"ladder", "warn", "mute", "remove", "hush"}]
    if len(penalties) > 1:
        found.append(("then", f"one penalty only, found {' and '.join(penalties)}"))
    if not rule.then:
        found.append(("then", "at least one action"))
    if rule.strike and (not penalties or penalties == ["hush"]):
        found.append(("strike", "a strike needs a penalty: ladder, warn, mute or remove"))
    return found


def _check_sentence(rule: Rule) -> list[tuple[str, str]]:
    try:
        parts = [part for part in string.Formatter().parse(rule.explain) if part[1] is not None]
    except ValueError as error:
        return [("explain", str(error))]
    found = []
    if not rule.explain.strip():
        found.append(("explain", "must not be empty"))
    used = {str(name) for _, name, _, _ in parts}
    if unknown := used - PLACEHOLDERS:
        found.append(("explain", f"unknown placeholder {', '.join(sorted(unknown))}"))
    if any(spec or conversion for _, _, spec, conversion in parts):
        found.append(("explain", "placeholders take no format"))  # a width could fill the memory
    if "count" in used and rule.window is None:
        found.append(("explain", "{count} needs the rule's window"))
    return found


def compile_rulebook(rules: Iterable[Rule], *, version: int = 0, settings: Settings | None = None) -> Compiled:
    """Compile checked rules (see `load_rules`); drafts and retired ones are left out."""
    windows: dict[Window, int] = {}
    compiled: list[tuple[CompiledRule, Leaf | None]] = []
    for order, rule in enumerate(r for r in rules if r.state in {"live", "shadow"}):
        index = windows.setdefault(rule.window, len(windows)) if rule.window else None
        compiled.append(_compile_rule(rule, order, index))
    kinds = {kind for entry, _ in compiled for kind in entry.rule.on}
    return Compiled(
        version=version,
        settings=settings or Settings(),
        rules=tuple(entry for entry, _ in compiled),
        windows=tuple(windows),
        plans=_plans([*windows, *_PACE] if any(_watches_pace(entry) for entry, _ in compiled) else windows),
        by_kind={kind: _index([c for c in compiled if kind in c[0].rule.on]) for kind in sorted(kinds)},
    )


def _compile_rule(rule: Rule, order: int, window: int | None) -> tuple[CompiledRule, Leaf | None]:
    tree = conditions.parse(rule.when, None if window is None else window_key(window))
    parts = conditions.conjuncts(tree)
    looked_at = {leaf.fact: leaf.key for leaf in conditions.leaves(tree)}
    for name in [n for n in looked_at if n.startswith("verdict.")]:  # a score is never told without its reasons
        reasons = name.replace("verdict.", "reasons.")
        looked_at.setdefault(reasons, reasons)
    gate = Leaf("event.streams", "any_of", [rule.window.of], "event.streams") if rule.window else _best_gate(parts)
    rest = [p for p in parts if p is not gate]
    entry = CompiledRule(
        rule=rule,
        order=order,
        tests=tuple(conditions.compile_tree(p) for p in rest),
        window=window,
        limit=_limit(tree),
        facts=tuple(looked_at.items()),
    )
    return entry, gate


def _best_gate(parts: list[Tree]) -> Leaf | None:
    """The conjunct that an index can answer: a list's `any_of`, else equality; the most telling first."""
    for operators in (("any_of",), ("is", "in")):
        for part in parts:
            if isinstance(part, Leaf) and part.operator in operators and FACTS[part.fact].type != "number":
                return part
    return None


def _limit(tree: Tree) -> int | float | None:
    """The bound that {limit} speaks of: that of the first comparison of window.count, else of any number."""
    numbers = [leaf for leaf in conditions.leaves(tree) if leaf.operator in {"over", "at_least", "under", "at_most"}]
    numbers.sort(key=lambda leaf: leaf.fact != "window.count")
    return numbers[0].value if numbers else None


# What the verdict on flooding counts, besides the windows of the rules themselves.
_PACE = (Window(of="message", minutes=10), Window(of="text", count="equal", minutes=10))


def _watches_pace(entry: CompiledRule) -> bool:
    return any(name in {"verdict.flooding", "reasons.flooding"} for name, _ in entry.facts)


def _plans(windows: Iterable[Window]) -> tuple[StreamPlan, ...]:
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for window in windows:
        ms, days = spans.get((window.of, window.per), (0, 0))
        spans[window.of, window.per] = (max(ms, window.span_ms), max(days, window.days))
    return tuple(StreamPlan(of, per, ms, days) for (of, per), (ms, days) in sorted(spans.items()))


def _index(
    entries: list[tuple[CompiledRule, Leaf | None]],
) -> tuple[tuple[Index, ...], tuple[CompiledRule, ...]]:
    always = tuple(entry for entry, gate in entries if gate is None)
    by_fact: dict[str, dict[Any, list[CompiledRule]]] = {}
    for entry, gate in entries:
        if gate is None:
            continue
        values = gate.value if isinstance(gate.value, list) else [gate.value]
        for value in dict.fromkeys(values):
            by_fact.setdefault(gate.fact, {}).setdefault(value, []).append(entry)
    indexes = [
        Index(fact, FACTS[fact].type == "list", {value: tuple(rules) for value, rules in found.items()})
        for fact, found in by_fact.items()
    ]
    return tuple(sorted(indexes, key=lambda i: FACTS[i.fact].cost)), always
