"""Who is looking: the member that the browser's signed cookie names."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from qunzhu.kernel.community.models import Community, Member
from qunzhu.kernel.connectors.local.tokens import COOKIE, read_member_token


@dataclass(frozen=True)
class Visitor:
    """A known member and the community that the cookie was given for."""

    community: Community
    member: Member


def visitor_of(request: HttpRequest) -> Visitor | None:
    """The member of this browser; None without a cookie, with a forged one, or when the member was erased."""
    token = read_member_token(request.COOKIES.get(COOKIE, ""))
    if token is None:
        return None
    member = (
        Member.objects.select_related("community")
        .filter(pk=token.member_id, community_id=token.community_id, erased_at=None)
        .first()
    )
    return Visitor(member.community, member) if member else None


def members_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Hands the view a `Visitor`; a stranger gets a friendly page that says how to join, and nothing else happens."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        visitor = visitor_of(request)
        if visitor is None:
            return render(request, "portal/stranger.html", status=403)
        response = view(request, visitor, *args, **kwargs)
        # What a member sees is theirs alone: no shared cache, no copy after leaving the phone to somebody else.
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return page
