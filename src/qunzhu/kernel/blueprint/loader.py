"""Read a blueprint: YAML or JSON in, a `Blueprint` out, or every mistake at once with file, line, field and remedy."""

import difflib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import msgspec
from msgspec import inspect
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent, ScalarEvent

from qunzhu.kernel.blueprint.schema import Blueprint

MAX_BYTES = 1_000_000
MAX_DEPTH = 24
MAX_NODES = 50_000
SHIPPED = Path(__file__).resolve().parents[4] / "blueprints"

Path_ = tuple[str | int, ...]
RuleCheck = Callable[[list[dict[str, Any]]], Iterable[tuple[Path_, str]]]

_PLAIN_TAGS = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong. `line` counts from 1; 0 is the file as a whole.

    `field` reads like `risk.yellow.mute` or `groups[0].name`.
    """

    line: int
    field: str
    message: str
    remedy: str = ""

    def text(self, file: str) -> str:
        place = f"{file}:{self.line}" if self.line else file
        where = f"{place}: {self.field}: " if self.field else f"{place}: "
        return where + self.message + (f" ({self.remedy})" if self.remedy else "")


class BadBlueprint(ValueError):
    """A blueprint that cannot be used; `mistakes` has all of them, `str()` one line each."""

    def __init__(self, file: str, mistakes: Sequence[Mistake]) -> None:
        self.file = file
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (m.line, m.field)))
        super().__init__("\n".join(mistake.text(file) for mistake in self.mistakes))


@dataclass(frozen=True)
class Loaded:
    """A blueprint with where it came from; `data` is what was written, without comments."""

    blueprint: Blueprint
    data: dict[str, Any]
    file: str
    folder: Path = field(default_factory=Path)


def find(name_or_file: str) -> Path:
    """The file of a shipped blueprint's name, or the given file. Raises BadBlueprint with what ships."""
    with suppress(OSError, ValueError):  # a name that no file can have
        given = Path(name_or_file)
        if given.is_file():
            return given
        shipped = SHIPPED / f"{name_or_file}.yaml"
        if "/" not in name_or_file and shipped.is_file():
            return shipped
    names = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
    raise BadBlueprint(name_or_file, [Mistake(0, "", "there is no such blueprint", f"shipped: {', '.join(names)}")])


def load(path: Path, *, check_rules: RuleCheck | None = None) -> Loaded:
    """Read the blueprint in `path`."""
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise BadBlueprint(str(path), [Mistake(0, "", f"cannot be read: {error.strerror}")]) from None
    if size > MAX_BYTES:
        raise BadBlueprint(str(path), [Mistake(0, "", f"has {size:,} bytes, at most {MAX_BYTES:,} are read")])
    return loads(raw, file=str(path), folder=path.parent, check_rules=check_rules)


def loads(raw: bytes, *, file: str, folder: Path | None = None, check_rules: RuleCheck | None = None) -> Loaded:
    """Read a blueprint from its bytes. Raises BadBlueprint with every mistake that can be found in one reading."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadBlueprint(file, [Mistake(line, "", "is not UTF-8 text", "save the file as UTF-8")]) from None
    tree = parse_yaml(text, file)
    mistakes: list[Mistake] = []
    _Checker(tree, mistakes).check(tree, inspect.type_info(Blueprint), ())
    data = plain(tree)
    if not mistakes:
        mistakes += _cross_checks(data, tree)
    if not mistakes:
        data["rules"], unknown = filled_in(data)
        mistakes += [Mistake(line_of(tree, path), dotted(path), message) for path, message in unknown]
    if not mistakes and check_rules is not None:
        mistakes += [
            Mistake(line_of(tree, ("rules", *path)), dotted(("rules", *path)), message)
            for path, message in check_rules(data.get("rules", []))
        ]
    if mistakes:
        raise BadBlueprint(file, mistakes)
    blueprint = msgspec.convert(data, Blueprint)
    return Loaded(blueprint, data, file, folder or Path())


def filled_in(data: dict[str, Any]) -> tuple[list[Any], list[tuple[tuple[str | int, ...], str]]]:
    """The rules with every `{setting: risk.notice.ads_per_day}` replaced by that setting; and the unknown ones.

    So a figure of the guide stands once: where it is a setting.
    """
    settings = msgspec.convert({**data, "rules": []}, Blueprint)
    unknown: list[tuple[tuple[str | int, ...], str]] = []

    def fill(value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, dict):
            if set(value) == {"setting"}:
                return read(str(value["setting"]), path)
            return {name: fill(item, (*path, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [fill(item, (*path, number)) for number, item in enumerate(value)]
        return value

    def read(name: str, path: tuple[str | int, ...]) -> Any:
        found: Any = settings
        for part in name.split("."):
            found = getattr(found, part, None)
        if not isinstance(found, int | float | str | list):
            unknown.append((path, f"there is no setting {name!r}; for example risk.notice.ads_per_day"))
        return found

    return fill(data.get("rules", []), ("rules",)), unknown


def parse_yaml(text: str, file: str) -> CommentedMap:
    """The tree of a YAML text with its line numbers; nothing dangerous gets in. Raises BadBlueprint."""
    try:
        _refuse_dangerous(text, file)
        yaml = YAML(typ="rt")
        tree = yaml.load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadBlueprint(
            file, [Mistake(mark.line + 1 if mark else 1, "", f"is no YAML: {error.problem or error.context}")]
        ) from None
    except (YAMLError, ValueError) as error:
        if isinstance(error, BadBlueprint):
            raise
        raise BadBlueprint(file, [Mistake(1, "", f"is no YAML: {str(error).splitlines()[0]}")]) from None
    if not isinstance(tree, CommentedMap):
        raise BadBlueprint(file, [Mistake(1, "", "must be a mapping of sections", "see blueprints/")])
    return tree


def _refuse_dangerous(text: str, file: str) -> None:
    """Look at the stream of events before anything is built: depth, size, aliases, tags."""
    depth = nodes = 0
    for event in YAML(typ="rt", pure=True).parse(io.StringIO(text)):
        line = event.start_mark.line + 1
        nodes += isinstance(event, NodeEvent)
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        problem = ""
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            problem = "aliases and anchors (* and &) are not read; write the values out"
        elif isinstance(event, ScalarEvent | CollectionStartEvent) and _tag(event) not in {"", _PLAIN_TAGS}:
            problem = "tags (!) are not read; remove it"
        elif depth > MAX_DEPTH:
            problem = f"is nested deeper than {MAX_DEPTH} levels"
        elif nodes > MAX_NODES:
            problem = f"has more than {MAX_NODES:,} values"
        if problem:
            raise BadBlueprint(file, [Mistake(line, "", problem)])


def _tag(event: ScalarEvent | CollectionStartEvent) -> str:
    tag = event.tag
    return "" if tag is None or tag == "!" else str(tag)


class _Checker:
    """Walks value and type side by side and notes every mistake; msgspec itself stops at the first."""

    def __init__(self, tree: CommentedMap, mistakes: list[Mistake]) -> None:
        self.tree = tree
        self.mistakes = mistakes

    def check(self, value: Any, kind: inspect.Type, path: Path_) -> None:
        kind = kind.type if isinstance(kind, inspect.Metadata) else kind
        if isinstance(kind, inspect.StructType):
            self._struct(value, kind, path)
        elif isinstance(kind, inspect.ListType):
            self._list(value, kind, path)
        elif isinstance(kind, inspect.UnionType):
            self._union(value, kind, path)
        elif isinstance(kind, inspect.DictType):
            if not isinstance(value, Mapping):
                self.note(path, "must be a mapping", _found(value))
        elif not isinstance(kind, inspect.AnyType):
            self._leaf(value, kind, path)

    def _struct(self, value: Any, kind: inspect.StructType, path: Path_) -> None:
        if not isinstance(value, Mapping):
            self.note(path, "must be a mapping", _found(value))
            return
        fields = {f.encode_name: f for f in kind.fields}
        for key in value:
            if key not in fields:
                close = difflib.get_close_matches(str(key), fields, 1)
                remedy = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(fields)}"
                self.note((*path, key), "is not a known setting", remedy)
        before = len(self.mistakes)
        for name, spec in fields.items():
            if name in value:
                self.check(value[name], spec.type, (*path, name))
            elif spec.required:
                self.note(path, f"lacks {name!r}", "add it")
        if len(self.mistakes) == before and hasattr(kind.cls, "__post_init__"):
            self._convert(value, kind.cls, path)

    def _list(self, value: Any, kind: inspect.ListType, path: Path_) -> None:
        if isinstance(value, str) or not isinstance(value, Sequence):
            self.note(path, "must be a list", _found(value))
            return
        if kind.min_length is not None and len(value) < kind.min_length:
            self.note(path, f"must have at least {kind.min_length} entries", f"it has {len(value)}")
        if kind.max_length is not None and len(value) > kind.max_length:
            self.note(path, f"may have at most {kind.max_length} entries", f"it has {len(value)}")
        for index, item in enumerate(value):
            self.check(item, kind.item_type, (*path, index))

    def _union(self, value: Any, kind: inspect.UnionType, path: Path_) -> None:
        """Only `X | None` is used."""
        if value is not None:
            (other,) = (t for t in kind.types if not isinstance(t, inspect.NoneType))
            self.check(value, other, path)

    def _leaf(self, value: Any, kind: inspect.Type, path: Path_) -> None:
        problem = _leaf_problem(value, kind)
        if problem:
            self.note(path, problem, _found(value))

    def _convert(self, value: Any, cls: type, path: Path_) -> None:
        try:
            msgspec.convert(plain(value), cls)
        except msgspec.ValidationError as error:
            self.note(path, str(error).split(" - at ")[0])

    def note(self, path: Path_, message: str, remedy: str = "") -> None:
        self.mistakes.append(Mistake(line_of(self.tree, path), dotted(path), message, remedy))


def _leaf_problem(value: Any, kind: inspect.Type) -> str:  # noqa: PLR0911  (one line per type)
    if isinstance(kind, inspect.LiteralType):
        return "" if value in kind.values else f"must be one of {', '.join(map(str, kind.values))}"
    if isinstance(kind, inspect.BoolType):
        return "" if isinstance(value, bool) else "must be true or false"
    if isinstance(kind, inspect.IntType):
        if isinstance(value, bool) or not isinstance(value, int):
            return "must be a whole number"
        return _range_problem(value, kind.ge, kind.le)
    if isinstance(kind, inspect.FloatType):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "must be a number"
        return _range_problem(value, kind.ge, kind.le)
    if isinstance(kind, inspect.StrType):
        return _text_problem(value, kind)
    raise TypeError(f"no check for {kind}")


def _range_problem(value: float, lowest: float | None, highest: float | None) -> str:
    if lowest is not None and value < lowest:
        return f"must be at least {lowest:g}"
    # `not <=` and not `>`: NaN compares false both ways
    return f"must be at most {highest:,}" if highest is not None and not value <= highest else ""


def _text_problem(value: Any, kind: inspect.StrType) -> str:
    if not isinstance(value, str):
        return "must be text (put it in quotes)"
    if kind.min_length is not None and len(value.strip()) < kind.min_length:
        return "must not be empty"
    if kind.max_length is not None and len(value) > kind.max_length:
        return f"may have at most {kind.max_length} characters, it has {len(value)}"
    try:
        msgspec.convert(str(value), _annotated(kind))
    except msgspec.ValidationError:
        return f"must look like {kind.pattern}"
    return ""


def _annotated(kind: inspect.StrType) -> Any:
    from typing import Annotated

    return Annotated[str, msgspec.Meta(pattern=kind.pattern)] if kind.pattern else str


def _found(value: Any) -> str:
    if value is None:
        return "it is empty"
    shown = str(plain(value))
    return f"it is {shown if len(shown) <= 40 else shown[:40] + '…'!s}"  # noqa: PLR2004  (a line's worth)


def _cross_checks(data: dict[str, Any], tree: CommentedMap) -> list[Mistake]:
    """What one field alone cannot show."""
    mistakes: list[Mistake] = []

    def note(path: Path_, message: str, remedy: str = "") -> None:
        mistakes.append(Mistake(line_of(tree, path), dotted(path), message, remedy))

    blueprint = msgspec.convert(data, Blueprint)
    if blueprint.timezone not in available_timezones():
        close = difflib.get_close_matches(blueprint.timezone, available_timezones(), 1)
        note(("timezone",), "is no time zone", f"did you mean {close[0]!r}?" if close else "e.g. Asia/Shanghai")
    for path, names in (
        (("groups",), [g.name for g in blueprint.groups]),
        (("staff",), [s.username for s in blueprint.staff]),
        (("governance", "pact"), [c.id for c in blueprint.governance.pact]),
        (("recruitment", "channels"), [c.id for c in blueprint.recruitment.channels]),
        (("positioning", "questionnaire"), [q.id for q in blueprint.positioning.questionnaire]),
        (("engagement", "tasks"), [t.id for t in blueprint.engagement.tasks]),
        (("engagement", "mall"), [g.id for g in blueprint.engagement.mall]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                note((*path, index), f"{name!r} is there twice", "names and ids must differ")
    if not any(person.role == "owner" for person in blueprint.staff):
        note(("staff",), "nobody is owner", "give one person the role owner")
    bounds = blueprint.positioning.admission
    if bounds.review_from > bounds.enter_from:
        note(("positioning", "admission", "review_from"), "must not be above enter_from")
    for index, step in enumerate(blueprint.governance.ladder):
        if (step.action == "mute") != (step.minutes is not None):
            note(("governance", "ladder", index), "mute needs minutes, and only mute has them")
    own = (*_own_days(blueprint), *_unasked(blueprint), *_unheard(blueprint), *_lost_codes(blueprint))
    for place, message, remedy in own:
        note(place, message, remedy)
    levels = blueprint.engagement.levels
    if len(levels.names) != len(levels.thresholds) or sorted(levels.thresholds) != levels.thresholds:
        note(("engagement", "levels"), "needs one rising threshold for each name")
    return mistakes


def _unasked(blueprint: Blueprint) -> Iterator[tuple[Path_, str, str]]:
    """Where a red rule would do without a human what the red level keeps for one."""
    for number, rule in enumerate(blueprint.rules):
        then = rule.get("then") if rule.get("level") == "red" else None
        for index, effect in enumerate(then if isinstance(then, list) else ()):
            for act in {"freeze", "recall"} - set(blueprint.risk.red.without_a_human):
                if isinstance(effect, dict) and act in effect:
                    message = f"does {act} at once, which risk.red.without_a_human does not allow"
                    yield ("rules", number, "then", index), message, f"add {act} there, or take it out here"


def _unheard(blueprint: Blueprint) -> Iterator[tuple[Path_, str, str]]:
    """Where a new group without a human is asked for, and something else does not let it come to that."""
    listed = blueprint.risk.red.without_a_human
    if "rebuild" not in listed:
        return
    place = ("risk", "red", "without_a_human", listed.index("rebuild"))
    if "close" not in listed:
        yield place, "rebuild has no effect without close, which comes before it", "add close, or take rebuild out"
    if "rebuild_group" in blueprint.governance.two_person_rule:
        message = "rebuild contradicts governance.two_person_rule, where rebuild_group needs two people"
        yield place, message, "take rebuild_group out there, or rebuild out here"


def _own_days(blueprint: Blueprint) -> Iterator[tuple[Path_, str, str]]:
    """Where an own year of the calendar names something that is no day of it."""
    for number, year in enumerate(blueprint.governance.elimination.calendar):
        for name, days in (("off", year.off), ("work", year.work)):
            for index, day in enumerate(days):
                try:
                    found = date.fromisoformat(day).year
                except ValueError:
                    found = 0
                if found != year.year:
                    place = ("governance", "elimination", "calendar", number, name, index)
                    yield place, f"{day} is no day of that year", "write e.g. 2027-01-01"


def _lost_codes(blueprint: Blueprint) -> Iterator[tuple[Path_, str, str]]:
    """Where a good of the mall has codes that no buyer would ever get."""
    for index, good in enumerate(blueprint.engagement.mall):
        if good.codes and good.kind != "virtual":
            yield ("engagement", "mall", index, "codes"), f"{good.kind} goods have no codes", "only virtual ones do"


def line_of(tree: Any, path: Path_) -> int:
    """The line of `path` in the file, or of the nearest part above it that is there."""
    node, line = tree, 1
    for part in path:
        try:
            if isinstance(node, CommentedMap) and part in node:
                line = node.lc.key(part)[0] + 1
                node = node[part]
            elif isinstance(node, CommentedSeq) and isinstance(part, int):
                line = node.lc.item(part)[0] + 1
                node = node[part]
            else:
                return line
        except (KeyError, IndexError, TypeError):
            return line
    return line


def dotted(path: Path_) -> str:
    """A path as people read it: `groups[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def plain(value: Any) -> Any:
    """Plain dicts, lists and scalars, without ruamel's comments and positions."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)
