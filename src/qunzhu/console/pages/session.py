"""Signing in and out, the password, the language, and where /console/ leads."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community import audit
from qunzhu.kernel.community.access import LAST_COMMUNITY, client_address
from qunzhu.kernel.community.models import AuditEntry, Community
from qunzhu.ui import formats

TRIES = 5  # wrong passwords for one name from one address …
TRIES_OF_ADDRESS = 30  # … and for all names from one address
WINDOW = timedelta(minutes=10)
_YEAR = 365 * 24 * 3600


@login_required
@require_safe
def entrance(request: HttpRequest) -> HttpResponse:
    """/console/: the community this person used last, else the first; without one, what to do."""
    rows = Community.objects.order_by("name", "pk")
    if not request.user.is_superuser:
        rows = rows.filter(staff__user__username=request.user.get_username())
    slugs = list(rows.values_list("slug", flat=True)[:1000])
    if not slugs:
        return render(request, "console/nowhere.html", {"superuser": request.user.is_superuser})
    last = request.session.get(LAST_COMMUNITY)
    return redirect("console:home", last if last in slugs else slugs[0])


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page. Right and wrong names cost the same time (Django hashes for unknown names too)."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    context = {"next": target, "username": ""}
    if request.method != "POST":
        return redirect(_safe(request, target)) if request.user.is_authenticated else _gate(request, context)
    name = request.POST.get("username", "")[:150].strip()
    context["username"] = name
    if wait := _locked(request, name):
        said = formats.duration(wait, get_language() or "")
        context["error"] = _("密码错得太多了,请 %(time)s后再试。忘了密码的话,请群主在“运营人员”里重设。") % {
            "time": said
        }
        return _gate(request, context, status=429)
    user = authenticate(request, username=name, password=request.POST.get("password", ""))
    _note(request, name, allowed=user is not None)
    if user is None:
        context["error"] = _("账号或密码不对,请再试一次。")
        return _gate(request, context, status=401)
    login(request, user)
    return redirect(_safe(request, target))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session, whatever it was."""
    logout(request)
    messages.success(request, _("已退出。"))
    return redirect("console:login")


@sensitive_post_parameters()
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """A new password; other sessions of this person end."""
    user: User = request.user  # type: ignore[assignment]
    form = PasswordChangeForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        update_session_auth_hash(request, user)
        _record(request, user.get_username(), "session.password", allowed=True)
        messages.success(request, _("密码已修改,其他地方的登录已失效。"))
        return redirect("console:entrance")
    return render(request, "console/password.html", {"form": form})


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Keep the language in a cookie for a year."""
    answer = redirect(_safe(request, request.POST.get("next", "")))
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        answer.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=_YEAR,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
    return answer


def _gate(request: HttpRequest, context: dict[str, str], status: int = 200) -> HttpResponse:
    return render(request, "console/login.html", context, status=status)


def _safe(request: HttpRequest, target: str) -> str:
    """`target` when it leads inside this site, else the entrance."""
    inside = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if inside and target else "/console/"


def _locked(request: HttpRequest, name: str) -> timedelta | None:
    """How long this name at this address, or this address, has to wait; None when it may try.

    Counted in the audit, so that the limit holds over all processes and machines and a restart.
    """
    now = SYSTEM_CLOCK.now()
    recent = AuditEntry.objects.filter(
        community_id=None, at__gt=now - WINDOW, action="session.sign_in", address=client_address(request)
    ).order_by("-at")
    tries = list(recent.values_list("user", "allowed", "at")[: TRIES_OF_ADDRESS * 4])
    of_name = []
    for user, allowed, at in tries:
        if user == name and allowed:
            break
        if user == name:
            of_name.append(at)
    of_address = [at for _user, allowed, at in tries if not allowed]
    for stamps, limit in ((of_name, TRIES), (of_address, TRIES_OF_ADDRESS)):
        if len(stamps) >= limit:
            return max(timedelta(seconds=1), stamps[limit - 1] + WINDOW - now)
    return None


def _note(request: HttpRequest, name: str, *, allowed: bool) -> None:
    _record(request, name, "session.sign_in", allowed=allowed)


def _record(request: HttpRequest, name: str, action: str, *, allowed: bool) -> None:
    audit.record(
        community_id=None, user=name, action=action, address=client_address(request), allowed=allowed,
        now=SYSTEM_CLOCK.now(),
    )  # fmt: skip
