"""动作与死信: what was asked of the platforms and what really became of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext, pgettext, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.pages.acting import audited, back_to
from qunzhu.console.reading import effects as reading
from qunzhu.console.reading import slices
from qunzhu.console.reading.cases import rule_names
from qunzhu.console.reading.codes import actor_name, rule_name
from qunzhu.console.reading.conversation import around
from qunzhu.console.reading.effect_words import came_of_it, kind_names, status_meanings, status_names
from qunzhu.console.reading.people import group_names, member_names
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import NotAllowed, Stale, decide_case
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.connectors.port import PROFILES
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.effects.outbox import KINDS
from qunzhu.kernel.effects.services import NotFailed, retry_effect
from qunzhu.kernel.engine.models import Decision

BULK = 200


@dataclass(frozen=True)
class EffectRow:
    """An effect with the names that its row says."""

    effect: Effect
    kind: str
    status: str
    group: str
    member: str
    rule: str
    ending: str


LIST = ListSpec[EffectRow](
    name="effects",
    filters=("status", "kind", "group", "member", "rule"),
    columns=(
        Column("status", lazy("状态"), lambda r: r.status),
        Column("kind", pgettext_lazy("column", "动作"), lambda r: r.kind, fixed=True),
        Column("group", pgettext_lazy("column", "群"), lambda r: r.group),
        Column("member", pgettext_lazy("column", "成员"), lambda r: r.member),
        Column("rule", pgettext_lazy("column", "规则"), lambda r: r.rule or actor_name(r.effect.requested_by)),
        Column("cause", lazy("起因事件"), lambda r: r.effect.cause_seq, "num", usual=False),
        Column("attempts", lazy("尝试"), lambda r: r.effect.attempts, "num"),
        Column("result", lazy("结果"), lambda r: r.ending),
        Column("error", lazy("最近错误"), lambda r: r.effect.last_error, usual=False),
        Column("key", lazy("幂等键"), lambda r: r.effect.idempotency_key, usual=False),
        Column("created", lazy("时间"), lambda r: r.effect.created_at, "num"),
    ),
    export_action="effect.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def effect_list(request: StaffRequest, listing: Listing[EffectRow]) -> HttpResponse:
    """The outbox, newest first, with filters in the URL."""
    community = request.community.pk
    wanted = _filter(request)
    found = reading.effects(community, wanted, before=request.GET.get("before", ""))
    groups = group_names(community)
    listing.count_so_far(found.total)
    context = {
        "title": _("动作"),
        "list": listing,
        "older": found.older,
        "rows": _rows(request, found.rows, groups, rule_names(community)),
        "filters": _chips(request, reading.counts(community, now=SYSTEM_CLOCK.now()), groups),
        "wanted": wanted,
        "back": request.get_full_path(),
        "can_retry": request.may("effect.retry") and any(e.status == Effect.Status.FAILED for e in found.rows),
    }
    return page(request, "console/effects.html", context, active="effects")


@staff_page("view")
@require_safe
def effect_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    community = request.community.pk
    groups, rules = group_names(community), rule_names(community)
    found = reading.everything(community, _filter(request))
    rows = (row for part in slices.in_parts(found) for row in _rows(request, part, groups, rules))
    return as_file(request, LIST, fmt, rows)


@staff_page("effect.retry")
@require_POST
def effects_retry(request: StaffRequest) -> HttpResponse:
    """Retry the chosen failed effects, each through its case where one is open."""
    chosen = sorted(set(request.POST.getlist("effect")))[:BULK]
    done = sum(_retried(request, number) for number in chosen)
    if done:
        messages.success(request, ngettext("已重新排队 %(n)d 个动作", "已重新排队 %(n)d 个动作", done) % {"n": done})
    if done < len(chosen):
        messages.warning(request, _("%(n)d 个动作已经有人处理,没有改动") % {"n": len(chosen) - done})
    if not chosen:
        messages.warning(request, _("没有选中动作"))
    return back_to(request, "console:effects")


def _retried(request: StaffRequest, number: str) -> bool:
    try:
        effect = reading.effect(request.community.pk, UUID(number))
    except ValueError:
        return False
    if effect is None or effect.status != Effect.Status.FAILED:
        return False
    case = _open_case(effect)
    try:
        _decide(request, effect, case, "retry", case.version if case else 0)
    except (NotAllowed, Stale, NotFailed):
        return False
    return True


@staff_page("view")
@require_safe
def effect_page(request: StaffRequest, effect_id: UUID) -> HttpResponse:
    """One effect: why it was wanted, what was tried, how it ended, and what a person can do now."""
    return _page(request, _effect(request, effect_id))


@staff_page("effect.retry")
@require_POST
def effect_decide(request: StaffRequest, effect_id: UUID, action: str) -> HttpResponse:
    """Retry or drop a failed effect, through its case where one is open, so that both always agree."""
    effect = _effect(request, effect_id)
    case = _open_case(effect)
    if case is None and action != "retry":
        return _late(request, effect_id)
    try:
        _decide(request, effect, case, action, slices.positive(request.POST.get("version")) or 0)
    except NotAllowed as reason:
        raise PermissionDenied(str(reason)) from reason
    except (Stale, NotFailed):
        return _late(request, effect_id)
    messages.success(request, _("已重新排队") if action == "retry" else _("已放弃,不会再试"))
    return redirect("console:effect", slug=request.community.slug, effect_id=effect.id)


def _decide(request: StaffRequest, effect: Effect, case: Case | None, action: str, version: int) -> None:
    """Through the open case, so that both always agree; a dead letter without one is tried again directly."""
    now = SYSTEM_CLOCK.now()
    if case is not None:
        decide_case(
            community_id=request.community.pk,
            case_id=case.pk,
            action=action,
            user=request.user.get_username(),
            role=request.staff_role,
            version=version,
            now=now,
        )
        return
    with audited(request, "effect.retry", target=f"effect:{effect.id}"):
        retry_effect(community_id=request.community.pk, effect_id=effect.id, now=now)


def _late(request: StaffRequest, effect_id: UUID) -> HttpResponse:
    problem = _("没有改动:这个动作刚刚已经有人处理,下面是最新情况")
    return _page(request, _effect(request, effect_id), problem=problem, status=409)


def _page(request: StaffRequest, effect: Effect, *, problem: str = "", status: int = 200) -> HttpResponse:
    community = request.community.pk
    group = Group.objects.filter(community_id=community, pk=effect.group_id).first()
    lines = around(community, effect.group_id, effect.cause_seq, reach=2)
    decisions = Decision.objects.filter(community_id=community, seq=effect.cause_seq or 0, rule=effect.rule)
    profile = PROFILES.get(group.profile) if group else None
    people = [effect.member_id, *(i for line in lines for i in (line.member_id, line.target))]
    context = {
        "title": kind_names().get(effect.kind, effect.kind),
        "effect": effect,
        "kind": kind_names().get(effect.kind, effect.kind),
        "status": status_names().get(effect.status, effect.status),
        "meaning": status_meanings().get(effect.status, ""),
        "group": group,
        "names": member_names(community, people),
        "lines": lines,
        "decision": decisions.first(),
        "rule": rule_name(effect.rule, rule_names(community)),
        "case": _open_case(effect),
        "profile": profile,
        "how": profile.how.get(effect.kind, "none") if profile else "",
        "reason": profile.reasons.get(effect.kind, "") if profile else "",
        "payload": json.dumps(effect.payload, ensure_ascii=False, indent=2),
        "problem": problem,
    }
    return page(request, "console/effect.html", context, active="effects", status=status)


def _open_case(effect: Effect) -> Case | None:
    rows = Case.objects.filter(community_id=effect.community_id, pk=effect.case_id or 0, state=Case.State.OPEN)
    return rows.first()


def _effect(request: StaffRequest, effect_id: UUID) -> Effect:
    effect = reading.effect(request.community.pk, effect_id)
    if effect is None:
        raise Http404
    return effect


def _rows(
    request: StaffRequest, found: Sequence[Effect], groups: dict[int, str], rules: dict[str, str]
) -> list[EffectRow]:
    names = member_names(request.community.pk, [e.member_id for e in found])
    kinds, statuses, now = kind_names(), status_names(), SYSTEM_CLOCK.now()
    return [
        EffectRow(
            effect=e,
            kind=kinds.get(e.kind, e.kind),
            status=statuses.get(e.status, e.status),
            group=groups.get(e.group_id, ""),
            member=names.get(e.member_id or 0, ""),
            rule=rule_name(e.rule, rules),
            ending=came_of_it(e.detail, now=now, zone=request.community.timezone),
        )
        for e in found
    ]


def _filter(request: StaffRequest) -> reading.EffectFilter:
    status, kind = request.GET.get("status", ""), request.GET.get("kind", "")
    return reading.EffectFilter(
        status=status if status in Effect.Status.values else "",
        kind=kind if kind in KINDS else "",
        group=slices.positive(request.GET.get("group")),
        member=slices.positive(request.GET.get("member")),
        rule=request.GET.get("rule", ""),
    )


def _chips(request: StaffRequest, counts: dict[str, int], groups: dict[int, str]) -> list[slices.Filter]:
    query = request.GET
    filters = [
        slices.chips(query, "status", _("状态"), list(status_names().items()), counts=counts, everything=_("全部")),
        slices.chips(query, "kind", pgettext("column", "动作"), list(kind_names().items()), everything=_("全部")),
    ]
    return [*filters, *slices.group_chips(query, groups)]
