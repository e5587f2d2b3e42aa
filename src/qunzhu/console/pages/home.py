"""今日: what needs me now."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from qunzhu.console.context import fragment, page
from qunzhu.console.pages.feed import rows_of
from qunzhu.console.reading import stream
from qunzhu.console.reading.people import group_names, member_names
from qunzhu.console.reading.today import today
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page

_DECIDED = stream.StreamFilter(kinds=("decision.made", "penalty.reversed"))
_RECENT = 8


@require_safe
@staff_page("view")
def home(request: StaffRequest) -> HttpResponse:
    """The page."""
    return page(request, "console/home.html", {"title": _("今日"), **_content(request)}, active="home")


@require_safe
@staff_page("view")
def live(request: StaffRequest) -> HttpResponse:
    """What of the page changes while one looks at it."""
    return fragment(request, "console/home_live.html", _content(request))


def _content(request: StaffRequest) -> dict[str, Any]:
    found = today(request.community, now=SYSTEM_CLOCK.now())
    recent = stream.latest(request.community.pk, _DECIDED, before=None, rows=_RECENT)
    return {
        "today": found,
        "rows": rows_of(request, recent.events, recent.erased),
        "group_names": group_names(request.community.pk),
        "case_names": member_names(request.community.pk, [c.member_id for c in found.cases]),
    }
