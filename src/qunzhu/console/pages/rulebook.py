"""群规: the rulebook in force as plain sentences, its versions, and what changed between two of them."""

import io
import json
from typing import Any

import msgspec
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from ruamel.yaml import YAML

from qunzhu.console.context import page
from qunzhu.console.reading import people, rule_changes, rule_words, rulebook, slices
from qunzhu.governance import consent
from qunzhu.governance.precision import precision_by_version
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.engine.draft_service import open_draft
from qunzhu.kernel.engine.models import RulebookDraft, RulebookVersion
from qunzhu.kernel.engine.rules import LadderSettings


@staff_page("view")
@require_safe
def current(request: StaffRequest) -> HttpResponse:
    """The live version; without one, what a rulebook is and how it comes to be."""
    return _show(request, rulebook.live(request.community.pk))


@staff_page("view")
@require_safe
def version(request: StaffRequest, number: int) -> HttpResponse:
    """One version, as it was."""
    return _show(request, _version(request, number))


@staff_page("view")
@require_safe
def source(request: StaffRequest, number: int) -> HttpResponse:
    """A version as YAML, to read or to put into a blueprint."""
    found = _version(request, number)
    response = HttpResponse(rulebook_yaml(found.rules, found.settings), content_type="text/plain; charset=utf-8")
    if "download" in request.GET:
        name = f"{request.community.slug}-rules-v{number}.yaml"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@staff_page("view")
@require_safe
def difference(request: StaffRequest) -> HttpResponse:
    """What changed from one version to another, as sentences and field by field."""
    known = rulebook.versions(request.community.pk)
    new = slices.positive(request.GET.get("to")) or (known[0].version if known else 0)
    old = slices.positive(request.GET.get("from")) or max(1, new - 1)
    before, after = _version(request, old), _version(request, new)
    changes = rule_changes.between((before.rules, before.settings), (after.rules, after.settings))
    context = {
        "title": _("版本对比"),
        "before": before,
        "after": after,
        "versions": known,
        "changes": changes,
        "total": sum(len(change.sentences) for change in changes),
        "fields": _by_field(before, after),
    }
    return page(request, "console/rulebook_diff.html", context, active="rulebook")


def _by_field(before: RulebookVersion, after: RulebookVersion) -> list[dict[str, Any]]:
    """The same changes field by field, for those who read the YAML."""
    found = [
        *rulebook.changes([{"id": "settings", **before.settings}], [{"id": "settings", **after.settings}]),
        *rulebook.changes(before.rules, after.rules),
    ]
    return [{"change": change, "old": _plain(change.old), "new": _plain(change.new)} for change in found]


# The database keeps no order of keys; people read a rule from its name to its sentence.
_ORDER = {name: place for place, name in enumerate((
    "id", "chapter", "name", "clause", "state", "on", "window", "of", "count", "per", "minutes", "hours", "days",
    "when", "fact", "level", "exempt_staff", "clearable", "strike", "then", "kind", "urgency", "explain",
))}  # fmt: skip


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: _ORDER.get(key, len(_ORDER)))
        return {key: _in_order(value[key]) for key in keys}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


def rulebook_yaml(rules: list[dict[str, Any]], settings: dict[str, Any]) -> str:
    """A rulebook as people write it."""
    return yaml_of({"settings": settings, "rules": _in_order(rules)})


def yaml_of(data: Any) -> str:
    """Plain data as YAML, in the order it was written."""
    yaml = YAML()
    yaml.allow_unicode = True
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _show(request: StaffRequest, book: RulebookVersion | None) -> HttpResponse:
    community = request.community.pk
    blueprint = blueprint_of(community)
    context: dict[str, Any] = {
        "title": _("规则"),
        "book": book,
        "versions": rulebook.versions(community),
        "tiers": [],
        "draft": open_draft(community),
        "discarded": _discarded(request),
    }
    context["agreed"] = consent.counts(community, [v.version for v in context["versions"]])
    if book is not None:
        ladder = _ladder(book.settings)
        hits = rulebook.hits(community, now=SYSTEM_CLOCK.now())
        context |= {
            "tiers": _tiers(book, hits, ladder, blueprint),
            "ladder": rule_words.ladder_sentence(ladder),
            "points": (blueprint.get("governance") or {}).get("points") or {},
            "count": len(book.rules),
        }
        if book.state == RulebookVersion.State.LIVE:
            groups = people.group_names(community)
            asked = consent.by_group(community, book.version)
            context["consent"] = [(c, groups.get(c.group_id, ""), c.agreed / c.members) for c in asked]
    return page(request, "console/rulebook.html", context, active="rulebook")


def _discarded(request: StaffRequest) -> RulebookDraft | None:
    """The draft that was just put aside, so that it can be brought back."""
    number = slices.positive(request.GET.get("discarded"))
    rows = RulebookDraft.objects.filter(community_id=request.community.pk, state=RulebookDraft.State.DISCARDED)
    return rows.filter(pk=number).first() if number else None


def _tiers(
    book: RulebookVersion, hits: dict[str, rulebook.Hits], ladder: LadderSettings, blueprint: dict[str, Any]
) -> list[dict[str, Any]]:
    titles = {
        "pact": (_("基础公约"), _("人人要守的底线")),
        "advanced": (_("进阶制度"), _("发言、报备和积分的约定")),
        "penalties": (_("惩罚机制"), _("越线之后会发生什么")),
    }
    pact = rule_words.pact_of(blueprint)
    precision = precision_by_version(book.community_id)
    rules: dict[str, list[dict[str, Any]]] = {tier: [] for tier in rule_words.TIERS}
    for rule in book.rules:
        rules[rule_words.tier_of(rule)].append(
            {
                "rule": rule,
                "condition": rule_words.condition(rule),
                "consequences": rule_words.consequences(rule, ladder),
                "exceptions": rule_words.exceptions(rule),
                "hits": hits.get(str(rule["id"]), rulebook.Hits(0, 0, 0)),
                "precision": precision.get((str(rule["id"]), book.version)),
            }
        )
    shown = []
    for name in rule_words.TIERS:
        covered = {str(entry["rule"].get("clause", "")) for entry in rules[name]}
        only_said = [clause for clause in pact[name] if str(clause.get("id")) not in covered]
        title, about = titles[name]
        ordered = sorted(rules[name], key=lambda e: _clause(e["rule"].get("clause", "")))
        shown.append({"name": name, "title": title, "about": about, "rules": ordered, "said": only_said})
    return shown


def _clause(clause: str) -> tuple[list[int], str]:
    return [int(part) for part in str(clause).split(".") if part.isdigit()] or [99], str(clause)


def _ladder(settings: dict[str, Any]) -> LadderSettings:
    return msgspec.convert(settings.get("ladder") or {}, LadderSettings)


def _plain(value: Any) -> str:
    """A field's value for people: text as it is, structures as compact JSON, nothing as ""."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _version(request: StaffRequest, number: int) -> RulebookVersion:
    found = rulebook.version(request.community.pk, number) if number < 1 << 31 else None
    if found is None:
        raise Http404
    return found
