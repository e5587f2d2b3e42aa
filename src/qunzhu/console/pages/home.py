"""今日: what needs me now."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from qunzhu.console.context import fragment, page
from qunzhu.console.reading.people import group_names
from qunzhu.console.reading.today import today
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page


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
    return {"today": found, "group_names": group_names(request.community.pk)}
