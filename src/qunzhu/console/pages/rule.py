"""群规 › 一条规则: what it says now, how it came to be, what it hits; on trial, beside the live rule it may replace."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import people, rule_page, rule_words, rulebook
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.engine.draft_service import DraftMoved, do_save_draft, do_start_draft, live_version
from qunzhu.kernel.engine.models import RulebookVersion

LATEST = 10
DAYS = timedelta(days=30)
STATES = ("draft", "shadow", "live", "retired")


@staff_page("view")
@require_safe
def rule(request: StaffRequest) -> HttpResponse:
    """The rule ?id= of the live rulebook."""
    book, found = _live_rule(request, request.GET.get("id", ""))
    community, now = request.community.pk, SYSTEM_CLOCK.now()
    state = str(found.get("state", "live"))
    hits = rulebook.latest_hits(community, found["id"], limit=LATEST)
    context: dict[str, Any] = {
        "title": found["name"],
        "book": book,
        "entry": rule_page.entry(found, book.settings),
        "state": state,
        "sample": rule_page.sample(found, book.settings),
        "history": rule_page.history(community, found["id"]),
        "hits": rulebook.hits(community, now=now).get(found["id"], rulebook.Hits(0, 0, 0)),
        "latest": hits,
        "targets": [(name, label) for name, label in rule_words.state_names().items() if name not in {state, "draft"}],
        "trial": None,
    }
    if state == "shadow":
        context |= _trial(request, book, found)
    shown = [*hits, *(context["trial"].trial_rows + context["trial"].other_rows if context["trial"] else [])]
    context["names"] = people.member_names(community, [d.member_id for d in shown])
    return page(request, "console/rule.html", context, active="rulebook")


@staff_page("rulebook.edit")
@require_POST
def rule_state(request: StaffRequest) -> HttpResponse:
    """Put a rule on trial, in force or out of use: in the draft, which is then looked at, tried and published."""
    _book, found = _live_rule(request, request.POST.get("id", ""))
    state = request.POST.get("state", "")
    if state not in STATES:
        raise Http404
    by, now = str(request.user.get_username()), SYSTEM_CLOCK.now()
    community = request.community.pk
    try:
        with audited(request, "rulebook.edit", detail={"rule": found["id"], "state": state}) as known:
            draft = do_start_draft(community_id=community, by=by, now=now)
            known["draft"] = draft.pk
            known_ids = {r["id"] for r in draft.rules}
            rules = draft.rules if found["id"] in known_ids else [*draft.rules, found]
            rules = [{**r, "state": state} if r["id"] == found["id"] else r for r in rules]
            do_save_draft(
                community_id=community, draft_id=draft.pk, revision=draft.revision, rules=rules, settings=None,
                by=by, now=now,
            )  # fmt: skip
    except DraftMoved as moved:
        messages.error(request, _("没有改:%(who)s 刚刚改过这份草稿") % {"who": moved.draft.changed_by})
    else:
        messages.success(
            request,
            _("草稿里,“%(name)s”已改为%(state)s;回测并发布以后才算数")
            % {"name": found["name"], "state": rule_words.state_names()[state]},
        )
    return redirect(reverse("console:draft", args=[request.community.slug]))


def _live_rule(request: StaffRequest, rule_id: str) -> tuple[RulebookVersion, dict[str, Any]]:
    book = live_version(request.community.pk)
    found = next((r for r in book.rules if r["id"] == rule_id), None) if book else None
    if book is None or found is None:
        raise Http404
    return book, found


def _trial(request: StaffRequest, book: RulebookVersion, found: dict[str, Any]) -> dict[str, Any]:
    """The rule on trial beside another one, which ?with= chooses."""
    others = [(r["id"], r["name"]) for r in book.rules if r["id"] != found["id"] and r.get("state", "live") == "live"]
    wanted = request.GET.get("with", "")
    other = wanted if wanted in dict(others) else rule_page.counterpart(book.rules, found)
    since = rule_page.on_trial_since(request.community.pk, found["id"]) or SYSTEM_CLOCK.now() - DAYS
    return {
        "trial": rule_page.trial(request.community.pk, found["id"], other, since=since),
        "others": others,
        "other_name": dict(others).get(other, ""),
    }
