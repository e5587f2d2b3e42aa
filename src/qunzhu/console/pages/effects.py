"""动作与死信: what was asked of the platforms and what really became of it."""

import json
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import effects as reading
from qunzhu.console.reading import slices
from qunzhu.console.reading.cases import rule_names
from qunzhu.console.reading.codes import rule_name
from qunzhu.console.reading.conversation import around
from qunzhu.console.reading.downloads import download
from qunzhu.console.reading.effect_words import kind_names, status_meanings, status_names
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


@staff_page("view")
@require_safe
def effect_list(request: StaffRequest) -> HttpResponse:
    """The outbox, newest first, with filters in the URL."""
    community = request.community.pk
    wanted = _filter(request)
    found = reading.effects(community, wanted, before=request.GET.get("before", ""))
    groups = group_names(community)
    names = member_names(community, [e.member_id for e in found.rows])
    kinds, statuses = kind_names(), status_names()
    rules = rule_names(community)
    context = {
        "title": _("动作"),
        "older": found.older,
        "rows": [
            {
                "effect": e,
                "kind": kinds.get(e.kind, e.kind),
                "status": statuses.get(e.status, e.status),
                "group": groups.get(e.group_id, ""),
                "member": names.get(e.member_id or 0, ""),
                "rule": rule_name(e.rule, rules),
            }
            for e in found.rows
        ],
        "filters": _chips(request, reading.counts(community, now=SYSTEM_CLOCK.now()), groups),
        "export": slices.link(request.GET),
        "wanted": wanted,
    }
    return page(request, "console/effects.html", context, active="effects")


@staff_page("view")
@require_safe
def effect_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    community = request.community
    groups, kinds, statuses = group_names(community.pk), kind_names(), status_names()
    with audited(request, "effect.export", detail={"format": fmt, "query": request.GET.urlencode()}):
        found = reading.everything(community.pk, _filter(request))
    header = (
        _("时间"),
        _("动作"),
        _("状态"),
        _("群"),
        _("成员编号"),
        _("规则"),
        _("起因事件"),
        _("尝试次数"),
        _("结果"),
        _("最近错误"),
        _("幂等键"),
    )
    rows = (
        (
            e.created_at,
            kinds.get(e.kind, e.kind),
            statuses.get(e.status, e.status),
            groups.get(e.group_id, ""),
            e.member_id,
            e.rule,
            e.cause_seq,
            e.attempts,
            e.detail,
            e.last_error,
            e.idempotency_key,
        )
        for e in found
    )
    return download(fmt, "effects", header, rows, zone=community.timezone)


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
    now = SYSTEM_CLOCK.now()
    try:
        if case is not None:
            decide_case(
                community_id=request.community.pk,
                case_id=case.pk,
                action=action,
                user=request.user.get_username(),
                role=request.staff_role,
                version=slices.positive(request.POST.get("version")) or 0,
                now=now,
            )
        elif action == "retry":
            with audited(request, "effect.retry", target=f"effect:{effect.id}"):
                retry_effect(community_id=request.community.pk, effect_id=effect.id, now=now)
        else:
            return _late(request, effect_id)
    except NotAllowed as reason:
        raise PermissionDenied(str(reason)) from reason
    except (Stale, NotFailed):
        return _late(request, effect_id)
    messages.success(request, _("已重新排队") if action == "retry" else _("已放弃,不会再试"))
    return redirect("console:effect", slug=request.community.slug, effect_id=effect.id)


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
        slices.chips(query, "kind", _("动作"), list(kind_names().items()), everything=_("全部")),
    ]
    if 1 < len(groups) <= 12:  # noqa: PLR2004  (more groups than chips can show are chosen on the group's own page)
        choices = [(str(number), name) for number, name in groups.items()]
        filters.append(slices.chips(query, "group", _("群"), choices, everything=_("全部")))
    return filters
