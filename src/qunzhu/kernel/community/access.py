"""Who may open a console page: deny by default, strangers see nothing, refusals are on record."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community import audit
from qunzhu.kernel.community.models import Community, Staff
from qunzhu.kernel.community.permissions import PERMISSIONS, may

P = ParamSpec("P")
LAST_COMMUNITY = "last_community"


class StaffRequest(HttpRequest):
    """A request that passed `staff_page`: who works for which community, as what, and what that person may do."""

    community: Community
    staff_role: str
    may: Callable[[str], bool]


View = Callable[Concatenate[StaffRequest, P], HttpResponseBase]
Page = Callable[Concatenate[HttpRequest, str, P], HttpResponseBase]


def staff_page(permission: str) -> Callable[[View[P]], Page[P]]:
    """Let a view in only for staff of the community `slug` who hold `permission`.

    The view is called as `view(request, …)`, without the slug: `request.community`, `request.staff_role` and
    `request.may(permission)` are set. Nobody signed in → sign-in page; no such community or no post in it → 404, so
    that strangers learn nothing; post without the permission → 403, recorded in the audit. Superusers are owners.
    """
    if permission not in PERMISSIONS:
        raise KeyError(f"unknown permission {permission!r}; list it in PERMISSIONS first")

    def decorate(view: View[P]) -> Page[P]:
        @wraps(view)
        def page(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            community = Community.objects.filter(slug=slug).defer("blueprint").first()
            role = role_of(request.user, community)
            if community is None or role is None:
                raise Http404
            if not may(role, permission):
                _refuse(request, community, permission)
            if any(
                "\0" in value for sent in (request.GET, request.POST) for _, values in sent.lists() for value in values
            ):
                raise BadRequest("NUL")  # no column can hold it, nobody types it
            return view(_admit(request, community, role), *args, **kwargs)

        # A test reads it: every console page names its permission.
        page.permission = permission  # type: ignore[attr-defined]
        return page

    return decorate


def role_of(user: Any, community: Community | None) -> str | None:
    """The role of `user` in `community`; None for strangers and inactive accounts."""
    if community is None or not user.is_active:
        return None
    if user.is_superuser:
        return str(Staff.Role.OWNER)
    return Staff.objects.filter(user=user, community=community).values_list("role", flat=True).first()


def client_address(request: HttpRequest) -> str:
    """The address of the peer; a proxy that is trusted must set it (see docs/operations)."""
    return str(request.META.get("REMOTE_ADDR", ""))


def record_act(request: StaffRequest, action: str, target: str = "", detail: dict[str, Any] | None = None) -> None:
    """Put what this person does on record; call it in the transaction of the act itself."""
    audit.record(
        community_id=request.community.pk,
        user=request.user.get_username(),
        action=action,
        target=target,
        detail=detail,
        address=client_address(request),
        now=SYSTEM_CLOCK.now(),
    )


def check_may(request: StaffRequest, permission: str) -> None:
    """Raise PermissionDenied, on record, when this person may not; for permissions that depend on the form."""
    if not request.may(permission):
        _refuse(request, request.community, permission)


def _refuse(request: HttpRequest, community: Community, permission: str) -> None:
    audit.record(
        community_id=community.pk,
        user=request.user.get_username(),
        action=permission,
        target=request.path,
        address=client_address(request),
        allowed=False,
        now=SYSTEM_CLOCK.now(),
    )
    raise PermissionDenied(PERMISSIONS[permission])


def _admit(request: HttpRequest, community: Community, role: str) -> StaffRequest:
    admitted: StaffRequest = request  # type: ignore[assignment]
    admitted.community = community
    admitted.staff_role = role
    admitted.may = lambda permission: may(role, permission)
    if request.session.get(LAST_COMMUNITY) != community.slug:
        request.session[LAST_COMMUNITY] = community.slug
    return admitted
