"""My level on a phone: where I stand, what is missing, all levels and what they bring, my best messages and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_GET

from qunzhu.engagement.levels import selectors
from qunzhu.engagement.levels.policy import LevelSettings, settings_from
from qunzhu.engagement.mall.selectors import goods
from qunzhu.engagement.quality.selectors import best_of, scored
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.portal.identity import Visitor, members_only

PARTS: Mapping[str, Promise] = {
    "length": pgettext_lazy("score", "长度"),
    "information": pgettext_lazy("score", "信息量"),
    "sources": pgettext_lazy("score", "来源链接"),
    "copied": pgettext_lazy("score", "重复"),
    "replies": pgettext_lazy("score", "回复"),
    "reactions": pgettext_lazy("score", "表态"),
    "marked": pgettext_lazy("score", "管理员加精"),
    "denied": pgettext_lazy("score", "管理员否决"),
    "punished": pgettext_lazy("score", "处罚或撤回"),
}


@dataclass(frozen=True)
class Step:
    """One of the levels: its name, where it begins, and what it brings."""

    number: int
    name: str
    least: int
    perk: str
    goods: str


@dataclass(frozen=True)
class Best:
    """One of the member's messages: what was said, its score, and the parts that sum to it."""

    text: str
    score: int
    parts: list[tuple[str, int]]


@require_GET
@members_only
def level(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """My level."""
    community_id, member_id = visitor.community.pk, visitor.member.pk
    if not selectors.eligible(community_id, member_id):
        raise Http404
    settings = settings_from(visitor.community.blueprint)
    now = SYSTEM_CLOCK.now()
    context = {
        "visitor": visitor, "tab": "me", "now": now, "zone": visitor.community.timezone,
        "card": selectors.cards(community_id, [member_id], settings)[member_id],
        "steps": _steps(community_id, settings),
        "best": _best(visitor, settings),
    }  # fmt: skip
    return render(request, "portal/level.html", context)


def _steps(community_id: int, settings: LevelSettings) -> list[Step]:
    """The highest first."""
    open_to: dict[int, list[str]] = {}
    for good in goods(community_id):
        if good.min_level:
            open_to.setdefault(good.min_level, []).append(good.name)
    steps = [
        Step(
            number, name, settings.thresholds[number],
            settings.perks[number] if number < len(settings.perks) else "", "、".join(open_to.get(number, ())),
        )
        for number, name in enumerate(settings.names)
    ]  # fmt: skip
    return steps[::-1]


def _best(visitor: Visitor, settings: LevelSettings) -> list[Best]:
    today = local_day(SYSTEM_CLOCK.now(), visitor.community.timezone)
    rows = best_of(visitor.community.pk, visitor.member.pk, since=today - timedelta(days=settings.window_days))
    said = {e.seq: e.body for e in log.read_at(raw_connection(), visitor.community.pk, [r.message_seq for r in rows])}
    return [
        Best(
            _words(said.get(row.message_seq) or {}), row.score,
            [(str(PARTS[name]), value) for name, value in scored(row).parts().items()],
        )
        for row in rows
    ]  # fmt: skip


def _words(body: Mapping[str, object]) -> str:
    return str(body.get("text") or "") or (_("[图片]") if body.get("image") else _("内容已抹除"))
