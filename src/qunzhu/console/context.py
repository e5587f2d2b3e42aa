"""What every console page is given besides its own content: communities, groups, navigation, badges. Four queries."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from qunzhu.console.navigation import navigation
from qunzhu.console.reading.codes import ROLES
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest
from qunzhu.kernel.community.models import Community, Group
from qunzhu.kernel.connectors.local.tokens import console_token

MENU_GROUPS = 200  # with more, the list of groups is the way


def page(
    request: StaffRequest, template: str, context: dict[str, Any], *, active: str, status: int = 200
) -> HttpResponse:
    """Render `template` (extends console/base.html) inside the shell; `active` is the navigation entry's name."""
    return render(request, template, {**shell(request, active), **context}, status=status)


def fragment(request: StaffRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Render a part of a page, without the shell (live updates). Header X-Cases: the badge of the navigation."""
    basics = {"community": request.community, "zone": request.community.timezone, "now": SYSTEM_CLOCK.now()}
    answer = render(request, template, {**basics, **context})
    answer["X-Cases"] = str(open_cases(request.community.pk))
    return answer


def shell(request: StaffRequest, active: str) -> dict[str, Any]:
    """The shell's context for a page of `request.community`."""
    community = request.community
    badges = {"cases": open_cases(community.pk)}
    groups = Group.objects.filter(community=community).order_by("name", "pk").only("id", "name", "state")
    return {
        "community": community,
        "communities": _communities(request),
        "groups_all": list(groups[:MENU_GROUPS]),
        "navigation": navigation(community.slug, request.may, active=active, badges=badges),
        "role_label": str(ROLES[request.staff_role]),
        "zone": community.timezone,
        "now": SYSTEM_CLOCK.now(),
        "live_url": f"/live/console?token={console_token(community.pk)}",
        "search_url": reverse("console:search", args=[community.slug]),
        "active": active,
    }


def open_cases(community_id: int) -> int:
    """How many cases wait for a human."""
    return Case.objects.filter(community_id=community_id, state=Case.State.OPEN).count()


def _communities(request: StaffRequest) -> list[Community]:
    """The communities this person can switch to, at most a hundred."""
    rows = Community.objects.order_by("name", "pk").only("id", "slug", "name")
    if not request.user.is_superuser:
        rows = rows.filter(staff__user__username=request.user.get_username())
    return list(rows[:100])
