"""风控 › 关键词库: find, add and remove words, exchange them as CSV, and try a sentence against them."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.forms import WordForm, WordsFileForm
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page, open_list
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import keywords as reading
from qunzhu.console.reading import slices, word_options, word_test
from qunzhu.console.reading.rule_words import categories
from qunzhu.console.reading.word_files import BadLine, parse_words
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.text.keywords import Word
from qunzhu.risk.models import Keyword
from qunzhu.risk.services import KeywordsInvalid, change_keywords

SENTENCE = 2_000
SHOWN_ERRORS = 100
REMOVED_AT_ONCE = 500


# The headings of a file are what `word_files.py` reads again.
LIST = ListSpec[Keyword](
    name="keywords",
    filters=("category", "q"),
    columns=(
        Column("word", lazy("词"), lambda k: k.word, fixed=True, head="word"),
        Column("category", lazy("类别"), lambda k: k.category, head="category"),
        Column("level", lazy("级别"), lambda k: k.level, head="level"),
        Column("allow", lazy("白名单"), lambda k: k.allow, usual=False, head="allow"),
        Column("options", lazy("也算的写法"), lambda k: k.options, head="options"),
        Column("added_by", lazy("添加人"), lambda k: k.added_by, head="added_by"),
    ),
    export_action="keywords.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def word_list(request: StaffRequest, listing: Listing[Keyword]) -> HttpResponse:
    """The library, a page at a time, with the test box."""
    return _page(request, listing)


@staff_page("view")
@require_POST
def word_try(request: StaffRequest) -> HttpResponse:
    """Test a sentence; it is a POST so that nobody's words stand in a log of addresses. Nothing is changed."""
    text = request.POST.get("sentence", "")[:SENTENCE]
    tried = word_test.try_sentence(request.community.pk, text) if text.strip() else word_test.NOTHING
    return _page(request, tested={"text": text, "tried": tried, "names": categories()})


@staff_page("keywords.edit")
@require_POST
def word_add(request: StaffRequest) -> HttpResponse:
    """Add a word, or change the one that is there."""
    form = WordForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form, status=422)
    data = form.cleaned_data
    word = Word(data["word"].strip(), data["category"], data["level"], data["allow"], data["stored"])
    try:
        _change(request, "keywords.add", added=[word], target=word.word)
    except KeywordsInvalid as reason:
        form.add_error("word", str(reason))
        return _page(request, form=form, status=422)
    messages.success(request, _("已加入“%(word)s”,马上生效") % {"word": word.word})
    return redirect(_home(request))


@staff_page("keywords.edit")
@require_POST
def word_remove(request: StaffRequest) -> HttpResponse:
    """Remove the chosen words."""
    chosen = [w for w in request.POST.getlist("word")[:REMOVED_AT_ONCE] if w]
    if not chosen:
        messages.warning(request, _("没有选中关键词"))
        return redirect(_home(request))
    _change(request, "keywords.remove", removed=chosen, target=chosen[0] if len(chosen) == 1 else "")
    messages.success(request, _("已删除 %(n)d 个词,马上生效") % {"n": len(chosen)})
    return redirect(_home(request))


@staff_page("keywords.edit")
@require_POST
def word_import(request: StaffRequest) -> HttpResponse:
    """Add all words of a CSV, or none: with a bad line nothing is changed, and every bad line is named."""
    form = WordsFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, file_form=form, status=422)
    words, bad = parse_words(form.cleaned_data["file"].read())
    if not words and not bad:
        bad = [BadLine(1, "", _("文件里没有词"))]
    if bad:
        return _page(request, bad=bad, status=422)
    _change(request, "keywords.import", added=words, target=form.cleaned_data["file"].name)
    messages.success(request, _("已导入 %(n)d 个词,马上生效") % {"n": len(words)})
    return redirect(_home(request))


@staff_page("view")
@require_safe
def word_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered library as CSV (which can be imported again) or Excel; exporting is itself recorded."""
    search, category = _filter(request)
    return as_file(request, LIST, fmt, reading.everything(request.community.pk, search=search, category=category))


def _change(
    request: StaffRequest,
    action: str,
    *,
    added: list[Word] | None = None,
    removed: list[str] | None = None,
    target: str,
) -> None:
    with transaction.atomic(), audited(request, action, target=target) as detail:
        change_keywords(
            community_id=request.community.pk,
            added=added or [],
            removed=removed or [],
            by=request.user.get_username(),
            now=SYSTEM_CLOCK.now(),
        )
        detail["words"] = [w.word for w in added or []][:20] or (removed or [])[:20]
        detail["count"] = len(added or removed or [])


def _page(
    request: StaffRequest,
    listing: Listing[Keyword] | None = None,
    *,
    form: WordForm | None = None,
    file_form: WordsFileForm | None = None,
    bad: list[BadLine] | None = None,
    tested: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    community = request.community.pk
    search, category = _filter(request)
    found = reading.words(
        community, search=search, category=category, number=slices.page_number(request.GET.get("page"))
    )
    counts = reading.counts(community)
    listing = listing or open_list(request, LIST)
    listing.count(found.total)
    names = categories()
    chosen = slices.chips(
        request.GET,
        "category",
        _("类别"),
        [*names.items(), ("allow", _("白名单"))],
        counts=counts,
        everything=_("全部"),
    )
    context = {
        "title": _("关键词库"),
        "list": listing,
        "page": found,
        "names": names,
        "total": sum(counts.values()),
        "filters": [chosen],
        "search": search,
        "category": category,
        "form": form or WordForm(initial={"category": category if category in names else "ad"}),
        "file_form": file_form or WordsFileForm(),
        "bad": (bad or [])[:SHOWN_ERRORS],
        "bad_count": len(bad or []),
        "tested": tested,
        "ways": word_options.labels(),
        "levels": {"yellow": _("黄色"), "orange": _("橙色"), "red": _("红色")},
    }
    return page(request, "console/keywords.html", context, active="keywords", status=status)


def _filter(request: StaffRequest) -> tuple[str, str]:
    category = request.GET.get("category", "")
    return request.GET.get("q", "").strip()[:100], category if category in {*categories(), "allow"} else ""


def _home(request: StaffRequest) -> str:
    return reverse("console:keywords", args=[request.community.slug])
