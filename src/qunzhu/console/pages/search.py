"""Search: / from everywhere."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from qunzhu.console.context import page
from qunzhu.console.pages.feed import rows_of
from qunzhu.console.reading import search as reading
from qunzhu.console.reading.slices import positive
from qunzhu.kernel.community.access import StaffRequest, staff_page


@require_safe
@staff_page("view")
def search(request: StaffRequest) -> HttpResponse:
    """Members by name or number, cases by title, messages by text; `before` goes further back in the messages."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:60]
    context: dict[str, Any] = {"title": _("搜索"), "search_text": text, "found": None}
    if text:
        found = reading.search(request.community.pk, text, before=positive(request.GET.get("before")))
        context |= {"older": found.older or "", "found": found, "rows": rows_of(request, found.messages, frozenset())}
    return page(request, "console/search.html", context, active="")
