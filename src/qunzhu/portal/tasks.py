"""Tasks on a phone: the newcomer path, what is open with its progress, the calendar of check-ins with 补签."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_POST

from qunzhu.engagement import services
from qunzhu.engagement.makeup import NotMended
from qunzhu.engagement.selectors import makeup_state
from qunzhu.engagement.tasks.selectors import Card, cards_of
from qunzhu.engagement.tasks.standing import eligible
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.portal import selectors
from qunzhu.portal.identity import Visitor, members_only

KINDS: Mapping[str, str] = {
    "daily": gettext_noop("每日任务"),
    "weekly": gettext_noop("每周任务"),
    "contribution": gettext_noop("贡献任务"),
}
# code of a refusal → what the page says
SENTENCES: Mapping[str, str] = {
    "no_gap": gettext_noop("现在没有可以补的签到。"),
    "month": gettext_noop("这个月的补签次数已经用完了。"),
    "no_card": gettext_noop("你还没有补签卡。"),
    "points": gettext_noop("积分不够,没有补签。"),
}


@require_GET
@members_only
def tasks(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """My tasks and my calendar."""
    now, zone = SYSTEM_CLOCK.now(), visitor.community.timezone
    today = selectors.community_day(zone, now)
    community_id, member_id = visitor.community.pk, visitor.member.pk
    cards = cards_of(community_id, member_id, today, zone) if eligible(community_id, member_id) else []
    state = makeup_state(visitor.community, member_id, today=today)
    mine = [c for c in cards if c.unit.kind != "newcomer"]
    context = {
        "visitor": visitor, "tab": "tasks", "now": now, "zone": zone, "today": today, "state": state,
        "paths": [c for c in cards if c.unit.kind == "newcomer"],
        "groups": [(_(label), rows) for label, rows in _by_kind(mine)],
        "done": sum(c.done for c in mine), "all": len(mine),
        "weeks": selectors.streak_calendar(state.check_in),
        "weekdays": [_("一"), _("二"), _("三"), _("四"), _("五"), _("六"), _("日")],
        "problem": _(SENTENCES[code]) if (code := request.GET.get("problem", "")) in SENTENCES else "",
        "mended": "mended" in request.GET,
        "rows": selectors.my_groups(community_id, member_id),
    }  # fmt: skip
    return render(request, "portal/tasks.html", context)


@require_POST
@members_only
def make_up(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Fill my latest gap."""
    buy = request.POST.get("buy") == "1"
    try:
        services.make_up(community=visitor.community, member_id=visitor.member.pk, buy=buy, now=SYSTEM_CLOCK.now())
    except NotMended as why:
        return redirect(f"{reverse('portal:tasks')}?problem={why.code}#calendar")
    return redirect(reverse("portal:tasks") + "?mended=1#calendar")


def _by_kind(cards: list[Card]) -> list[tuple[str, list[Card]]]:
    found = [(label, [card for card in cards if card.unit.kind == kind]) for kind, label in KINDS.items()]
    return [(label, rows) for label, rows in found if rows]
