"""群规 › 草稿: the next rulebook, rule by rule as a form or as a whole in YAML; put aside and taken up again."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from qunzhu.console.context import fragment, page
from qunzhu.console.pages.acting import audited
from qunzhu.console.pages.rulebook import rulebook_yaml
from qunzhu.console.reading import backtests, rule_changes, rule_form, rule_page, rule_problems, rule_settings, slices
from qunzhu.kernel.blueprint.loader import BadBlueprint
from qunzhu.kernel.blueprint.rules import read_rulebook
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.engine.draft_service import (
    DraftMoved,
    do_discard_draft,
    do_restore_draft,
    do_save_draft,
    do_start_draft,
    live_version,
    open_draft,
)
from qunzhu.kernel.engine.models import RulebookDraft, RulebookVersion
from qunzhu.kernel.engine.rules import RulebookInvalid

ACTIVE = "rulebook"
FORM = require_http_methods(["GET", "HEAD", "POST"])


@staff_page("rulebook.edit")
@require_safe
def draft_page(request: StaffRequest) -> HttpResponse:
    """The draft at a glance: what it changes, its rules, what is left to do."""
    draft = open_draft(request.community.pk)
    if draft is None:
        return redirect("console:rulebook", slug=request.community.slug)
    live = live_version(request.community.pk)
    changes = rule_changes.between(_book(live), (draft.rules, draft.settings))
    by_rule = {change.rule: change for change in changes}
    context = {
        "title": _("群规草稿"),
        "draft": draft,
        "live": live,
        "outdated": draft.base_version != (live.version if live else 0),
        "changes": changes,
        "rules": [(rule_page.entry(rule, draft.settings), by_rule.get(str(rule["id"]))) for rule in draft.rules],
        "settings": rule_settings.sentences(draft.settings),
        "settings_changed": by_rule.get(rule_changes.SETTINGS),
        "proof": backtests.proof_for(request.community.pk, backtests.book_of(draft)),
    }
    return page(request, "console/draft.html", context, active=ACTIVE)


@staff_page("rulebook.edit")
@require_POST
def draft_start(request: StaffRequest) -> HttpResponse:
    """Begin a draft, or go on with the one there is; `version` begins from an older version."""
    number = slices.positive(request.POST.get("version"))
    known = RulebookVersion.objects.filter(community_id=request.community.pk)
    if number is not None and (number >= 1 << 31 or not known.filter(version=number).exists()):
        raise Http404
    there = open_draft(request.community.pk)
    with audited(request, "rulebook.edit", detail={"version": number} if number else None) as detail:
        draft = do_start_draft(
            community_id=request.community.pk, by=_me(request), now=SYSTEM_CLOCK.now(), version=number
        )
        detail["draft"] = draft.pk
    if there is not None and number is not None:
        messages.info(request, _("已经有一份草稿了:先发布或放弃它,才能从旧版本重新开始"))
    return _to_draft(request)


@staff_page("rulebook.edit")
@FORM
def rule_edit(request: StaffRequest) -> HttpResponse:
    """One rule as a form; without ?id= a new one."""
    draft = _draft(request)
    rule_id = request.GET.get("id", "")
    before = next((rule for rule in draft.rules if rule["id"] == rule_id), None)
    if rule_id and before is None:
        raise Http404
    if request.method != "POST":
        fields = rule_form.fields_of(before) if before else rule_form.Fields()
        return _rule_page(request, draft, fields, before)
    fields = rule_form.posted(request.POST)
    fields.id = rule_id or fields.id or _free_id(draft)
    errors = _errors(fields, before, draft)
    if errors:
        return _rule_page(request, draft, fields, before, errors=errors, status=422)
    rule = rule_form.rule_of(fields, before)
    rules = [rule if r is before else r for r in draft.rules] if before else [*draft.rules, rule]
    try:
        _save(request, draft, rules, detail={"rule": rule["id"]})
    except DraftMoved as moved:
        return _rule_page(request, draft, fields, before, moved=moved.draft, status=409)
    messages.success(request, _("“%(name)s”已存进草稿;发布之前,群里还是老规矩") % {"name": rule["name"]})
    return _to_draft(request, f"#rule-{rule['id']}")


@staff_page("rulebook.edit")
@require_POST
def rule_preview(request: StaffRequest) -> HttpResponse:
    """The rule as it is typed, in plain words, with the sentence that a member would read. Nothing is kept."""
    draft = _draft(request)
    fields = rule_form.posted(request.POST)
    before = next((rule for rule in draft.rules if rule["id"] == fields.id), None)
    fields.id = fields.id or _free_id(draft)
    return fragment(request, "console/parts/rule_preview.html", _preview(fields, before, draft))


@staff_page("rulebook.edit")
@require_POST
def rule_drop(request: StaffRequest) -> HttpResponse:
    """Take a rule out of the draft, or (`back`) make it again what it is in the live rulebook."""
    draft = _draft(request)
    rule_id, live = request.POST.get("id", ""), live_version(request.community.pk)
    current = {str(rule["id"]): rule for rule in live.rules} if live else {}
    if request.POST.get("back") and rule_id == rule_changes.SETTINGS:
        return _restored(request, draft, draft.rules, live.settings if live else {})
    if request.POST.get("back") and rule_id in current:
        rules = [current[rule_id] if r["id"] == rule_id else r for r in draft.rules]
        if current[rule_id] not in rules:
            rules.append(current[rule_id])
        order = {name: place for place, name in enumerate(current)}
        rules.sort(key=lambda r: order.get(r["id"], len(order)))
    else:
        rules = [r for r in draft.rules if r["id"] != rule_id]
    return _restored(request, draft, rules, None)


def _restored(
    request: StaffRequest, draft: RulebookDraft, rules: list[dict[str, Any]], settings: dict[str, Any] | None
) -> HttpResponse:
    try:
        _save(request, draft, rules, settings, detail={"rule": request.POST.get("id", "")})
    except DraftMoved as moved:
        _say_moved(request, moved.draft)
    return _to_draft(request)


@staff_page("rulebook.edit")
@FORM
def settings_edit(request: StaffRequest) -> HttpResponse:
    """What holds for all rules: ladder, strikes and their expiry, what does not count."""
    draft = _draft(request)
    form = rule_settings.SettingsForm(draft.settings, request.POST if request.method == "POST" else None)
    moved, status = None, 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                _save(request, draft, draft.rules, form.settings(), detail={"settings": True})
            except DraftMoved as moved_:
                moved, status = moved_.draft, 409
            else:
                messages.success(request, _("总设置已存进草稿"))
                return _to_draft(request)
    context = {"title": _("总设置"), "draft": draft, "form": form, "moved": moved}
    return page(request, "console/draft_settings.html", context, active=ACTIVE, status=status)


@staff_page("rulebook.edit")
@FORM
def yaml_edit(request: StaffRequest) -> HttpResponse:
    """The whole draft as YAML; what is wrong is named with rule, field, line and remedy, and nothing is lost."""
    draft = _draft(request)
    text = rulebook_yaml(draft.rules, draft.settings)
    problems: list[rule_problems.Said] = []
    moved, status = None, 200
    if request.method == "POST":
        text, status = request.POST.get("text", "").replace("\r\n", "\n"), 422
        try:
            rules, settings = read_rulebook(text, file="yaml")
            _save(request, draft, rules, settings, detail={"yaml": True})
        except BadBlueprint as bad:
            ids = rule_problems.ids_in(text)
            problems = [rule_problems.of_mistake(mistake, ids) for mistake in bad.mistakes]
        except DraftMoved as moved_:
            moved, status = moved_.draft, 409
        else:
            messages.success(request, _("YAML 已存进草稿"))
            return _to_draft(request)
    context = {
        "title": "YAML", "draft": draft, "text": text, "problems": problems, "moved": moved,
        "lines": text.count("\n") + 1, "at": request.GET.get("id", ""),
    }  # fmt: skip
    return page(request, "console/draft_yaml.html", context, active=ACTIVE, status=status)


@staff_page("rulebook.edit")
@require_POST
def draft_discard(request: StaffRequest) -> HttpResponse:
    """Put the draft aside; the message carries the way back."""
    draft = _draft(request)
    try:
        with audited(request, "rulebook.discard", target=f"draft:{draft.pk}"):
            do_discard_draft(
                community_id=request.community.pk, draft_id=draft.pk, revision=_revision(request),
                by=_me(request), now=SYSTEM_CLOCK.now(),
            )  # fmt: skip
    except DraftMoved as moved:
        _say_moved(request, moved.draft)
        return _to_draft(request)
    return redirect(reverse("console:rulebook", args=[request.community.slug]) + f"?discarded={draft.pk}")


@staff_page("rulebook.edit")
@require_POST
def draft_restore(request: StaffRequest) -> HttpResponse:
    """Take a discarded draft up again."""
    number = slices.positive(request.POST.get("draft"))
    if number is None or not RulebookDraft.objects.filter(community_id=request.community.pk, pk=number).exists():
        raise Http404
    try:
        with audited(request, "rulebook.restore", target=f"draft:{number}"):
            do_restore_draft(
                community_id=request.community.pk, draft_id=number, by=_me(request), now=SYSTEM_CLOCK.now()
            )
        messages.success(request, _("草稿回来了,接着改吧"))
    except DraftMoved:
        messages.error(request, _("现在已经有另一份草稿:先发布或放弃它"))
        return redirect("console:rulebook", slug=request.community.slug)
    return _to_draft(request)


# --- shared by the pages above ---------------------------------------------------------------------------------------


def _me(request: StaffRequest) -> str:
    return str(request.user.get_username())


def _revision(request: StaffRequest) -> int:
    return slices.positive(request.POST.get("revision")) or 0


def _draft(request: StaffRequest) -> RulebookDraft:
    draft = open_draft(request.community.pk)
    if draft is None:
        raise Http404
    return draft


def _book(version: RulebookVersion | None) -> rule_changes.Book:
    return (version.rules, version.settings) if version else ([], {})


def _to_draft(request: StaffRequest, place: str = "") -> HttpResponse:
    return redirect(reverse("console:draft", args=[request.community.slug]) + place)


def _say_moved(request: StaffRequest, draft: RulebookDraft) -> None:
    messages.error(request, _("没有改:%(who)s 刚刚改过这份草稿,请看过现在的内容再来一次") % {"who": draft.changed_by})


def _save(
    request: StaffRequest, draft: RulebookDraft, rules: list[dict[str, Any]], settings: dict[str, Any] | None = None,
    *, detail: dict[str, Any],
) -> None:  # fmt: skip
    with audited(request, "rulebook.edit", target=f"draft:{draft.pk}", detail=detail) as known:
        saved = do_save_draft(
            community_id=request.community.pk, draft_id=draft.pk, revision=_revision(request), rules=rules,
            settings=settings, by=_me(request), now=SYSTEM_CLOCK.now(),
        )  # fmt: skip
        known["revision"] = saved.revision


def _free_id(draft: RulebookDraft) -> str:
    taken = {rule["id"] for rule in draft.rules}
    return next(name for n in range(1, len(taken) + 2) if (name := f"rule_{n}") not in taken)


def _errors(fields: rule_form.Fields, before: dict[str, Any] | None, draft: RulebookDraft) -> list[rule_problems.Said]:
    """What is wrong with the rule as typed; [] when it can be kept."""
    try:
        rule = rule_form.rule_of(fields, before)
        others = [r for r in draft.rules if r is not before]
        rule_page.check([*others, rule], draft.settings)
    except rule_form.FormError as error:
        return [rule_problems.of_form(fields.id, name, message) for name, message in error.problems]
    except RulebookInvalid as invalid:
        return [rule_problems.of_problem(p) for p in invalid.problems]
    return []


def _preview(fields: rule_form.Fields, before: dict[str, Any] | None, draft: RulebookDraft) -> dict[str, Any]:
    errors = _errors(fields, before, draft)
    if errors:
        return {"errors": errors}
    rule = rule_form.rule_of(fields, before)
    return {"errors": [], **rule_page.entry(rule, draft.settings), "sample": rule_page.sample(rule, draft.settings)}


def _rule_page(
    request: StaffRequest, draft: RulebookDraft, fields: rule_form.Fields, before: dict[str, Any] | None, *,
    errors: list[rule_problems.Said] | None = None, moved: RulebookDraft | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    context = {
        "title": fields.name if before else _("新规则"),
        "draft": draft,
        "fields": fields,
        "is_new": before is None,
        "errors": errors or [],
        "error_fields": {rule_problems.form_field(error.field) for error in errors or []},
        "moved": moved,
        **rule_page.form_choices(fields),
        **({} if errors or (before is None and status == 200) else _preview(fields, before, draft)),  # noqa: PLR2004
    }
    return page(request, "console/draft_rule.html", context, active=ACTIVE, status=status)
