"""识别: what the detectors make of a text, and how right the rules were where people looked."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.reading import detector, rulebook
from qunzhu.kernel.community.access import StaffRequest, staff_page

SENTENCE = 2_000


@staff_page("view")
@require_safe
def overview(request: StaffRequest) -> HttpResponse:
    """The test box, what was learned here, and each rule's record."""
    return _page(request)


@staff_page("view")
@require_POST
def try_text(request: StaffRequest) -> HttpResponse:
    """Judge a text; it is a POST so that nobody's words stand in a log of addresses. Nothing is changed or learned."""
    text = request.POST.get("sentence", "")[:SENTENCE]
    return _page(request, text=text, seen=detector.look_at(request.community.pk, text) if text.strip() else None)


def _page(request: StaffRequest, **more: Any) -> HttpResponse:
    community = request.community.pk
    book = rulebook.live(community)
    names = {str(rule["id"]): str(rule.get("name", rule["id"])) for rule in (book.rules if book else [])}
    taught, harmless = detector.lessons(community)
    context = {
        "title": _("识别"),
        "records": [(names.get(r.rule, r.rule), r) for r in detector.records(community)],
        "taught": taught,
        "harmless": harmless,
        **more,
    }
    return page(request, "console/detector.html", context, active="detector")
