"""What every list page of the console has: columns to choose from, saved views, files, its total and its age.

A page declares a `ListSpec` and lists it in `pages/saved_views.py`. Filters and columns stand in the address, so that
a reload, a link to a colleague, a saved view and a file all mean the same rows and columns. One query: the views.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar
from urllib.parse import parse_qsl, urlencode

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise

from qunzhu.console.models import SavedView
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading.downloads import download
from qunzhu.console.reading.slices import COUNTED, STANDARD, positive
from qunzhu.kernel.community.access import StaffRequest
from qunzhu.ui import formats

P = ParamSpec("P")
R = TypeVar("R")
VIEWS = 20  # of one person on one list
LONGEST_QUERY = 1_000


@dataclass(frozen=True)
class Column(Generic[R]):
    """`value` is what a file holds of a row. A `fixed` column always stands; one not `usual` waits to be chosen."""

    name: str
    label: Promise
    value: Callable[[R], Any]
    css: str = ""
    fixed: bool = False
    usual: bool = True
    head: str = ""  # heading in files where programs read it again


@dataclass(frozen=True)
class ListSpec(Generic[R]):
    """A list page: the name of its address, what of an address belongs to a view, its columns, who may see it.

    `filters` are kept in a saved view. Words searched for are not: they are names of members, and erasing a member
    must leave none behind. `usual` tells the columns of an address that chooses none; without it the columns do.
    """

    name: str
    filters: tuple[str, ...]
    columns: tuple[Column[R], ...]
    export_action: str
    permission: str = "view"
    usual: Callable[[Mapping[str, Any]], Collection[str]] | None = None

    def shown(self, query: Mapping[str, Any]) -> tuple[Column[R], ...]:
        """The columns of an address, in the order of the page."""
        chosen = self._chosen(query) or self._usual(query)
        return tuple(c for c in self.columns if c.fixed or c.name in chosen)

    def in_file(self, query: Mapping[str, Any]) -> tuple[Column[R], ...]:
        """The columns of a file: the chosen ones, without a choice all."""
        return self.shown(query) if self._chosen(query) else self.columns

    def kept(self, query: Mapping[str, Any], columns: Collection[str] | None = None) -> dict[str, str]:
        """What a view keeps of an address, in one order; `columns` replaces its choice. The usual ones say nothing."""
        asked = {**query, "cols": ",".join(columns)} if columns is not None else query
        found = {name: str(asked[name]) for name in self.filters if asked.get(name)}
        names = [c.name for c in self.shown(asked)]
        if names != [c.name for c in self.shown({**asked, "cols": ""})]:
            found["cols"] = ",".join(names)
        return found

    def _chosen(self, query: Mapping[str, Any]) -> set[str]:
        return set(str(query.get("cols", "")).split(",")) & {c.name for c in self.columns if not c.fixed}

    def _usual(self, query: Mapping[str, Any]) -> Collection[str]:
        return self.usual(query) if self.usual else {c.name for c in self.columns if c.usual}


@dataclass
class Listing(Generic[R]):
    """A list page as it was asked for. `view` is the saved view that is open, `changed` says it was departed from."""

    spec: ListSpec[R]
    url: str
    query: str
    columns: tuple[Column[R], ...]
    views: list[SavedView] = field(default_factory=list)
    view: SavedView | None = None
    total: str = ""
    filtered: bool = False

    @property
    def shows(self) -> dict[str, bool]:
        """Column name → True, for templates."""
        return {column.name: True for column in self.columns}

    @property
    def choosable(self) -> bool:
        """Whether there is any column to leave out."""
        return any(not column.fixed for column in self.spec.columns)

    @property
    def chosen(self) -> bool:
        """Whether the address names columns: then a phone leaves none of them out."""
        return "cols" in dict(parse_qsl(self.query))

    @property
    def changed(self) -> bool:
        return self.view is not None and self.view.query != self.query

    @property
    def plain_url(self) -> str:
        """The list as it is for everybody."""
        return f"{self.url}?view={STANDARD}"

    @property
    def chips(self) -> list[tuple[SavedView, str]]:
        """The saved views and where they lead."""
        return [(view, f"{self.url}?{address(view)}") for view in self.views]

    @property
    def files(self) -> list[tuple[str, str]]:
        """Formats and where they are downloaded."""
        return [(name, f"{self.url}export.{fmt}") for name, fmt in (("CSV", "csv"), ("Excel", "xlsx"))]

    def count(self, rows: int) -> None:
        """Say how many rows the filter finds."""
        self.total = formats.exact(rows)

    def count_so_far(self, rows: int) -> None:
        """The same for a number of `slices.counted`: one past COUNTED is said as "10,000+"."""
        self.total = f"{formats.exact(COUNTED)}+" if rows > COUNTED else formats.exact(rows)


View = Callable[Concatenate[StaffRequest, Listing[R], P], HttpResponseBase]


def address(view: SavedView) -> str:
    """The query string that opens a view."""
    return urlencode({"view": view.pk}) + (f"&{view.query}" if view.query else "")


def user_id(request: StaffRequest) -> int:
    """Whose views these are; `staff_page` lets nobody in who is not signed in."""
    return int(request.user.pk or 0)


def open_list(request: StaffRequest, spec: ListSpec[R]) -> Listing[R]:
    """The list as the address asks for it, with this person's own views."""
    query = request.GET.dict()
    kept = urlencode(spec.kept(query))
    own = SavedView.objects.filter(community_id=request.community.pk, user_id=user_id(request), page=spec.name)
    views = list(own.order_by("pk")[:VIEWS])
    number = positive(query.get("view"))
    named = next((v for v in views if v.pk == number), None)
    same = next((v for v in views if kept and v.query == kept), None) if "view" not in query else None
    return Listing(
        spec=spec,
        url=reverse(f"console:{spec.name}", args=[request.community.slug]),
        query=kept,
        columns=spec.shown(query),
        views=views,
        view=named or same,
        filtered=bool(spec.kept({**query, "cols": ""}) or query.get("q")),
    )


def list_page(spec: ListSpec[R]) -> Callable[[View[R, P]], Callable[Concatenate[StaffRequest, P], HttpResponseBase]]:
    """Call the view with its `Listing`; an address without a query leads to the person's default view, if any."""

    def decorate(view: View[R, P]) -> Callable[Concatenate[StaffRequest, P], HttpResponseBase]:
        @wraps(view)
        def page(request: StaffRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            listing = open_list(request, spec)
            chosen = next((v for v in listing.views if v.default), None)
            if chosen is not None and not request.GET:
                return redirect(f"{listing.url}?{address(chosen)}")
            return view(request, listing, *args, **kwargs)

        return page

    return decorate


def as_file(request: StaffRequest, spec: ListSpec[R], fmt: str, rows: Iterable[R]) -> HttpResponseBase:
    """`rows` as CSV or Excel with the chosen columns, on record; the words searched for are not recorded."""
    columns = spec.in_file(request.GET)
    with audited(request, spec.export_action, detail={"format": fmt, "query": urlencode(spec.kept(request.GET))}):
        lines = ([column.value(row) for column in columns] for row in rows)
        header = [column.head or column.label for column in columns]
        return download(fmt, spec.name, header, lines, zone=request.community.timezone)
