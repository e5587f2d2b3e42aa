"""群规 on a phone: the rules in force in plain sentences, and 知道了，我同意."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from qunzhu.console.reading import rule_words
from qunzhu.governance.consent import NotInForce, agreed_to, give_consent, in_force_for
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.engine.conditions import leaves, parse
from qunzhu.kernel.engine.models import RulebookVersion
from qunzhu.kernel.engine.rules import LadderSettings
from qunzhu.portal.identity import Visitor, members_only


@dataclass(frozen=True)
class Sentence:
    """One rule as a member reads it."""

    clause: str
    name: str
    text: str
    consequence: str


@require_GET
@members_only
def rules(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """What holds here, and whether this member has agreed to it."""
    community = visitor.community
    book = RulebookVersion.objects.filter(community_id=community.pk, state=RulebookVersion.State.LIVE).first()
    context: dict[str, Any] = {
        "visitor": visitor, "tab": "me", "now": SYSTEM_CLOCK.now(), "zone": community.timezone, "book": book,
        "moved": "moved" in request.GET,
    }  # fmt: skip
    if book is not None:
        context |= {
            "tiers": _tiers(community, book),
            "ladder": rule_words.ladder_sentence(_ladder(book.settings)),
            "agreed": agreed_to(community.pk, visitor.member.pk, book.version),
        }
    return render(request, "portal/rules.html", context)


@require_POST
@members_only
def agree(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The member agrees to the version that he has just read; to no other."""
    typed = request.POST.get("version", "")
    version = int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 9 else 0  # noqa: PLR2004  (an int4)
    try:
        give_consent(
            community_id=visitor.community.pk, member_id=visitor.member.pk, version=version, now=SYSTEM_CLOCK.now()
        )
    except NotInForce:
        return redirect(reverse("portal:rules") + "?moved=1")
    return redirect("portal:rules")


def notice(visitor: Visitor) -> str:
    """What the page 我的 says beside 群规."""
    version, agreed = in_force_for(visitor.community.pk, visitor.member.pk)
    if not version:
        return ""
    if agreed:
        return _("已同意第 %(n)d 版") % {"n": version}
    return _("第 %(n)d 版,请看看") % {"n": version}


def _tiers(community: Community, book: RulebookVersion) -> list[tuple[str, list[Sentence]]]:
    """The pact and the rules in force, by tier; what is on trial does not concern members."""
    titles = {"pact": _("基础公约"), "advanced": _("进阶制度"), "penalties": _("惩罚机制")}
    ladder = _ladder(book.settings)
    found: dict[str, list[Sentence]] = {tier: [] for tier in rule_words.TIERS}
    said = rule_words.pact_of(community.blueprint)
    pact = {str(c.get("id")): str(c.get("text", "")) for clauses in said.values() for c in clauses}
    for rule in book.rules:
        if rule.get("state", "live") == "live":
            found[rule_words.tier_of(rule)].append(_sentence(rule, ladder, pact))
    for tier, clauses in said.items():
        covered = {sentence.clause for sentence in found[tier]}
        found[tier] += [
            Sentence(str(c["id"]), "", str(c.get("text", "")), "") for c in clauses if str(c.get("id")) not in covered
        ]
    return [
        (titles[tier], sorted(sentences, key=lambda s: [int(p) for p in s.clause.split(".") if p.isdigit()] or [99]))
        for tier, sentences in found.items()
        if sentences
    ]


def _sentence(rule: Mapping[str, Any], ladder: LadderSettings, pact: Mapping[str, str]) -> Sentence:
    """A rule by its condition: its figure is the one in force. A score says nothing to a member, the pact does."""
    clause = str(rule.get("clause", ""))
    scored = any(leaf.fact.startswith("verdict.") for leaf in leaves(parse(rule["when"], "window.0")))
    return Sentence(
        clause,
        str(rule["name"]),
        (pact.get(clause) if scored else "") or rule_words.condition(rule),
        _("、").join(rule_words.consequences(rule, ladder)),
    )


def _ladder(settings: Mapping[str, Any]) -> LadderSettings:
    return msgspec.convert(settings.get("ladder") or {}, LadderSettings)
