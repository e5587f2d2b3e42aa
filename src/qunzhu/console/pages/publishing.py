"""群规 › 发布: what the draft changes, whether it was tried, who is told; and who agreed to what was published."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from qunzhu.console.context import page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import backtests, rule_changes, slices
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, check_may, staff_page
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.connectors.port import capability
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.effects.outbox import request as ask
from qunzhu.kernel.engine.draft_service import (
    DraftMoved,
    RulebookMoved,
    do_publish_draft,
    live_version,
    open_draft,
)
from qunzhu.kernel.engine.models import RulebookDraft, RulebookVersion
from qunzhu.kernel.events.runner import raw_connection

NOTE_LENGTH = 200
TEXT_LENGTH = 2000
REASON_SHORTEST = 4
TOLD_CHANGES = 12


@staff_page("rulebook.publish")
@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: StaffRequest) -> HttpResponse:
    """The last look before the rules change, and the button."""
    draft = open_draft(request.community.pk)
    if draft is None:
        return redirect("console:rulebook", slug=request.community.slug)
    if request.method != "POST":
        return _page(request, draft)
    proof = _proof(request, draft)
    reason = "" if proof["enough"] else request.POST.get("reason", "").strip()[:NOTE_LENGTH]
    if not proof["enough"] and len(reason) < REASON_SHORTEST:
        return _page(request, draft, error=_("这份草稿还没有回测过:先回测,或者写下为什么不用"), status=422)
    if reason:
        check_may(request, "rulebook.override")
    groups, text, problem = _announcement(request)
    if problem:
        return _page(request, draft, error=problem, status=422)
    return _try(request, draft, groups, text, reason)


def _try(request: StaffRequest, draft: RulebookDraft, groups: list[Group], text: str, reason: str) -> HttpResponse:
    """Publish, or say who was faster."""
    try:
        version = _publish(request, draft, groups, text, reason)
    except DraftMoved as moved:
        error = _("没有发布:%(who)s 刚刚改过草稿,请看过现在的内容再发布") % {"who": moved.draft.changed_by}
        return _page(request, open_draft(request.community.pk) or draft, error=error, status=409)
    except RulebookMoved as moved:
        error = _("没有发布:现行群规刚刚变成第 %(n)d 版,请看过下面的改动再发布") % {"n": moved.version}
        return _page(request, draft, error=error, status=409)
    said = _("第 %(n)d 版已生效") % {"n": version.version}
    if groups:
        said += _(";") + _("已让 %(n)d 个群发公告") % {"n": len(groups)}
    messages.success(request, said)
    return redirect("console:rulebook", slug=request.community.slug)


def _publish(
    request: StaffRequest, draft: RulebookDraft, groups: list[Group], text: str, reason: str
) -> RulebookVersion:
    """Publish, ask for the announcements, put it on record: all or nothing."""
    now, by = SYSTEM_CLOCK.now(), str(request.user.get_username())
    note = request.POST.get("note", "").strip()[:NOTE_LENGTH]
    detail: dict[str, Any] = {"note": note, "groups": [group.pk for group in groups]}
    if reason:
        detail["without_backtest"] = reason
    with transaction.atomic(), audited(request, "rulebook.publish", target=f"draft:{draft.pk}", detail=detail) as known:
        version = do_publish_draft(
            community_id=request.community.pk,
            draft_id=draft.pk,
            revision=slices.positive(request.POST.get("revision")) or 0,
            live=slices.positive(request.POST.get("live")) or 0,
            by=by,
            note=note,
            now=now,
        )
        known["version"] = version.version
        wanted = [
            EffectRequest(
                kind="announce", key=f"rulebook:{version.version}:announce:{group.pk}", group_id=group.pk,
                payload={"text": text}, requested_by=by,
            )
            for group in groups
        ]  # fmt: skip
        ask(raw_connection(), request.community.pk, wanted, now=now)
    return version


def _announcement(request: StaffRequest) -> tuple[list[Group], str, str]:
    """The groups that are to be told, with what; and what is wrong with that ("" for nothing)."""
    numbers = [n for raw in request.POST.getlist("group") if (n := slices.positive(raw))]
    if not numbers:
        return [], "", ""
    check_may(request, "group.announce")
    text = request.POST.get("text", "").replace("\r\n", "\n").strip()
    groups = [g for g in _groups(request) if g.pk in numbers and capability(g.profile).how["announce"] != "none"]
    if not text or len(text) > TEXT_LENGTH:
        return groups, text, _("公告要写 1 到 %(n)d 个字,或者不选群") % {"n": TEXT_LENGTH}
    return groups, text, ""


def _groups(request: StaffRequest) -> list[Group]:
    rows = Group.objects.filter(community=request.community).exclude(state=Group.State.CLOSED)
    return list(rows.order_by("name", "pk"))


def _proof(request: StaffRequest, draft: RulebookDraft) -> dict[str, Any]:
    """Whether exactly this draft was tried; where there is nothing to try it on, nothing is asked for."""
    found = backtests.proof_for(request.community.pk, backtests.book_of(draft))
    needed = backtests.anything_to_test_on(request.community.pk)
    return {"job": found, "needed": needed, "enough": found is not None or not needed}


def _page(request: StaffRequest, draft: RulebookDraft, *, error: str = "", status: int = 200) -> HttpResponse:
    live = live_version(request.community.pk)
    before: rule_changes.Book = (live.rules, live.settings) if live else ([], {})
    after: rule_changes.Book = (draft.rules, draft.settings)
    number = (live.version if live else 0) + 1
    context = {
        "title": _("发布群规"),
        "draft": draft,
        "live": live,
        "outdated": draft.base_version != (live.version if live else 0),
        "changes": rule_changes.between(before, after),
        "proof": _proof(request, draft),
        "groups": [(group, capability(group.profile).how["announce"]) for group in _groups(request)],
        "chosen": set(request.POST.getlist("group")),
        "text": request.POST.get("text") or announcement(before, after, number),
        "note": request.POST.get("note", ""),
        "reason": request.POST.get("reason", ""),
        "error": error,
        "number": number,
    }
    return page(request, "console/draft_publish.html", context, active="rulebook", status=status)


def announcement(before: rule_changes.Book, after: rule_changes.Book, number: int) -> str:
    """What the groups would be told: in Chinese, whatever language the operator reads."""
    with translation.override("zh-hans"):
        changes = rule_changes.between(before, after)
        lines = [f"· {change.name}:{';'.join(change.sentences)}" for change in changes[:TOLD_CHANGES]]
        if len(changes) > TOLD_CHANGES:
            lines.append(_("· 还有 %(n)d 处改动") % {"n": len(changes) - TOLD_CHANGES})
        head = _("【群规更新】第 %(n)d 版,即日起生效:") % {"n": number}
        link = settings.PUBLIC_URL + reverse("portal:rules")
        foot = _("看完整群规并确认(或在群里发“同意群规”):\n%(link)s") % {"link": link}
    return "\n".join([head, *lines, foot])[:TEXT_LENGTH]
