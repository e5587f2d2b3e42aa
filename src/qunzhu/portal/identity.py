"""Who is looking: the member that the browser's signed cookie names first, and whom it names in other communities."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from qunzhu.kernel.community.models import Community, Member
from qunzhu.kernel.connectors.local.tokens import COOKIE, COOKIE_SECONDS, MemberToken, read_session, session_token


@dataclass(frozen=True)
class Visitor:
    """A known member with the community; `elsewhere` is who the same browser is in other communities."""

    community: Community
    member: Member
    elsewhere: tuple["Visitor", ...] = ()

    def in_community(self, community_id: int) -> "Visitor | None":
        """The same person in that community, as the one who looks; None where they are not known."""
        everywhere = (self, *self.elsewhere)
        found = next((v for v in everywhere if v.community.pk == community_id), None)
        if found is None or found is self:
            return found
        return Visitor(found.community, found.member, tuple(_alone(v) for v in everywhere if v is not found))


def _alone(visitor: Visitor) -> Visitor:
    return Visitor(visitor.community, visitor.member)


def visitor_of(request: HttpRequest) -> Visitor | None:
    """The member of this browser; None without a cookie, with a forged one, or when the member was erased."""
    session = read_session(request.COOKIES.get(COOKIE, ""))
    if not session:
        return None
    members = Member.objects.select_related("community").filter(pk__in=[t.member_id for t in session], erased_at=None)
    known = {MemberToken(m.community_id, m.pk): Visitor(m.community, m) for m in members}
    found = [known[token] for token in session if token in known]
    return Visitor(found[0].community, found[0].member, tuple(found[1:])) if found else None


def remember(response: HttpResponse, visitor: Visitor) -> None:
    """Make the browser look as `visitor` from now on; whom it is elsewhere is kept."""
    everywhere = (visitor, *visitor.elsewhere)
    response.set_cookie(
        COOKIE,
        session_token(MemberToken(v.community.pk, v.member.pk) for v in everywhere),
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.PUBLIC_URL.startswith("https://"),
    )


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
