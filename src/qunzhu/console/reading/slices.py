"""Slices of long lists: numbered pages for bounded tables, keyset pages ("older than") for those that grow for ever."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

ROWS = 50
COUNTED = 10_000  # a list that grows for ever is counted so far: a page costs the same at any length
STANDARD = "0"  # ?view= of the list as it is for everybody
MENU = 12  # more groups than chips can show are chosen on the group's own page
_LONGEST = {"page": 6, "id": 18, "microseconds": 17}  # digits that fit a page number, a bigint, the year 5138
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar("T")
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Choice:
    """One chip of a filter: where it leads, whether it is on, how many rows wait behind it (None: none, or unknown)."""

    label: str
    url: str
    active: bool
    count: int | None = None


@dataclass(frozen=True)
class Filter:
    """One row of chips."""

    name: str
    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Page(Generic[T]):
    """A numbered page of a list whose total is known; `number` starts at 1."""

    rows: Sequence[T]
    total: int
    number: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // ROWS))

    @property
    def first(self) -> int:
        return (self.number - 1) * ROWS + 1 if self.total else 0

    @property
    def last(self) -> int:
        return min(self.number * ROWS, self.total)


@dataclass(frozen=True)
class Stretch(Generic[T]):
    """A keyset page. `older`: the ?before= of the next page, "" at the end; `total`: of the filter, see `counted`."""

    rows: Sequence[T]
    older: str
    total: int = 0


def stretch(found: Sequence[T], place: Callable[[T], object], total: int = 0) -> Stretch[T]:
    """The page of `found`, which holds one row more than a page where there is one; `place` is a row's ?before=."""
    rows = found[:ROWS]
    return Stretch(rows, str(place(rows[-1])) if len(found) > ROWS else "", total)


def numbered(rows: QuerySet[M], number: int) -> Page[M]:
    """Page `number` of ordered `rows`, the last one where there are fewer. Two queries."""
    total = rows.count()
    number = min(number, max(1, -(-total // ROWS)))
    start = (number - 1) * ROWS
    return Page(list(rows[start : start + ROWS]), total, number)


def counted(rows: QuerySet[M]) -> int:
    """How many rows there are, counted no further than one past COUNTED."""
    return rows.order_by()[: COUNTED + 1].count()


def narrowed(rows: QuerySet[M], **equal: object) -> QuerySet[M]:
    """`rows` whose fields are as asked; an empty value asks for nothing."""
    return rows.filter(**{name: value for name, value in equal.items() if value not in (None, "")})


def in_parts(rows: Iterable[T], size: int = 2_000) -> Iterator[list[T]]:
    """Lists of at most `size`, so that names for a long export are looked up in few queries."""
    source = iter(rows)
    while part := list(islice(source, size)):
        yield part


def page_number(raw: str | None) -> int:
    """The page asked for in the URL; anything that is no positive number is page 1."""
    return max(1, _number(raw, "page") or 1)


def positive(raw: str | None) -> int | None:
    """A positive id from the URL, or None where it is absent or no number."""
    return _number(raw, "id")


def position(at: datetime, key: object) -> str:
    """Where a row stands in a list ordered by time and key, for `?before=`."""
    return f"{(at - _EPOCH) // timedelta(microseconds=1)}-{key}"


def parse_position(raw: str) -> tuple[datetime, str] | None:
    """What `position` wrote; None for anything else."""
    stamp, _, key = raw.partition("-")
    micros = _number(stamp, "microseconds")
    return (_EPOCH + timedelta(microseconds=micros), key) if micros is not None and key else None


def _number(raw: str | None, what: str) -> int | None:
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) <= _LONGEST[what] else None


def link(query: Mapping[str, Any], **changes: object) -> str:
    """The query string with `changes` applied; empty values vanish. Paging starts anew unless it is what changes.

    With nothing left it names the standard view: an address without a query opens a person's default view.
    """
    kept = {k: v for k, v in query.items() if k not in {"page", "before"}}
    kept.update({k: str(v) for k, v in changes.items()})
    kept = {k: v for k, v in kept.items() if v not in ("", None)}
    return "?" + urlencode(kept or {"view": STANDARD})


def chips(
    query: Mapping[str, Any],
    name: str,
    label: str,
    choices: Sequence[tuple[str, object]],
    *,
    counts: Mapping[str, int] | None = None,
    default: str = "",
    everything: object = "",
) -> Filter:
    """A filter over `choices` (value, label), kept in the URL as `name`; `default` is what no choice means.

    `everything` is the label of the first chip, whose value is "all" where a default exists, else "".
    """
    chosen = str(query.get(name) or default)
    options: list[tuple[str, object]] = list(choices)
    if everything:
        options.insert(0, ("all" if default else "", everything))
    made = []
    for value, text in options:
        count = counts.get(value) if counts else None
        target = "" if value == default else value
        made.append(Choice(str(text), link(query, **{name: target}), chosen == value, count))
    return Filter(name, label, tuple(made))


def group_chips(query: Mapping[str, Any], groups: Mapping[int, str]) -> list[Filter]:
    """The filter by group, of a community with several: the first ones and the chosen one."""
    chosen = positive(query.get("group"))
    shown = [(str(pk), name) for pk, name in list(groups.items())[:MENU]]
    if chosen is not None and chosen in groups and str(chosen) not in dict(shown):
        shown.append((str(chosen), groups[chosen]))
    if len(groups) < 2 and chosen is None:  # noqa: PLR2004  (one group needs no choice)
        return []
    return [chips(query, "group", pgettext("column", "群"), shown, everything=_("全部"))]
