"""设置 › 运营人员: who works here, as what, and what each role may do."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.forms import StaffForm
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page, open_list
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import slices
from qunzhu.console.reading.codes import ROLES
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import Member, Staff
from qunzhu.kernel.community.permissions import PERMISSIONS, ROLE_PERMISSIONS
from qunzhu.kernel.community.services import Refused, set_staff

LIST = ListSpec[Staff](
    name="staff",
    filters=("role",),
    columns=(
        Column("user", lazy("账号"), lambda post: post.user.get_username(), fixed=True),
        Column("role", lazy("角色"), lambda post: ROLES[post.role], fixed=True),
        Column("member", lazy("群内身份(成员编号)"), lambda post: post.member_id, fixed=True),
        Column("created", lazy("加入"), lambda post: post.created_at, fixed=True),
    ),
    export_action="staff.export",
    permission="staff.manage",
)


@staff_page("staff.manage")
@require_safe
@list_page(LIST)
def staff_list(request: StaffRequest, listing: Listing[Staff]) -> HttpResponse:
    """Everybody with a post, the form to add one, and the permission matrix."""
    return _page(request, StaffForm(request.community), listing)


@staff_page("staff.manage")
@require_safe
def staff_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    return as_file(request, LIST, fmt, _posts(request).iterator(chunk_size=2_000))


@staff_page("staff.manage")
@require_POST
def staff_add(request: StaffRequest) -> HttpResponse:
    """Give a post to an account; the account is made when it is new."""
    community = request.community
    form = StaffForm(community, request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    data = form.cleaned_data
    user = data["user"]
    if user is not None and Staff.objects.filter(community=community, user=user).exists():
        form.add_error(
            "username", _("“%(name)s”已经是这个社群的运营人员:请在下面的列表里改角色") % {"name": data["username"]}
        )
        return _page(request, form, status=422)
    with audited(request, "staff.add", target=f"user:{data['username']}", detail={"role": data["role"]}) as detail:
        if user is None:
            user = get_user_model().objects.create_user(username=data["username"], password=data["password"])
            detail["new_account"] = True
        _set(request, user, data["role"], data["member"])
    messages.success(request, _("已添加 %(name)s") % {"name": data["username"]})
    return redirect("console:staff", slug=request.community.slug)


@staff_page("staff.manage")
@require_POST
def staff_change(request: StaffRequest, user_id: int) -> HttpResponse:
    """Another role or another member for a post."""
    post = _post(request, user_id)
    role = request.POST.get("role", "")
    try:
        member = _member(request)
        with audited(
            request, "staff.change", target=f"user:{post.user.get_username()}", detail={"from": post.role, "to": role}
        ):
            _set(request, post.user, role, member)
    except Refused as reason:
        messages.error(request, str(reason))
    else:
        messages.success(request, _("已保存"))
    return redirect("console:staff", slug=request.community.slug)


@staff_page("staff.manage")
@require_POST
def staff_remove(request: StaffRequest, user_id: int) -> HttpResponse:
    """Take a post away; the account itself stays."""
    post = _post(request, user_id)
    name = post.user.get_username()
    try:
        with audited(request, "staff.remove", target=f"user:{name}", detail={"from": post.role}):
            _set(request, post.user, None, None)
    except Refused as reason:
        messages.error(request, str(reason))
    else:
        messages.success(request, _("%(name)s 不再是运营人员;账号仍在") % {"name": name})
    return redirect("console:staff", slug=request.community.slug)


def _set(request: StaffRequest, user: Any, role: str | None, member: Member | None) -> None:
    set_staff(
        community=request.community,
        user=user,
        role=role,
        member=member,
        by=request.user.get_username(),
        now=SYSTEM_CLOCK.now(),
    )


def _post(request: StaffRequest, user_id: int) -> Staff:
    community = request.community
    post = Staff.objects.filter(community=community, user_id=user_id).select_related("user").first()
    if post is None:
        raise Http404
    return post


def _member(request: StaffRequest) -> Member | None:
    raw = request.POST.get("member", "").strip()
    if not raw:
        return None
    community = request.community
    known = raw.isascii() and raw.isdigit() and len(raw) < 19  # noqa: PLR2004  (digits of a bigint)
    member = Member.objects.filter(community=community, pk=int(raw)).first() if known else None
    if member is None:
        raise Refused(_("这个社群里没有编号为 %(number)s 的成员") % {"number": raw[:20]})
    return member


def _posts(request: StaffRequest) -> QuerySet[Staff]:
    role = request.GET.get("role", "")
    rows = Staff.objects.filter(community=request.community).select_related("user", "member")
    return slices.narrowed(rows.order_by("created_at", "pk"), role=role if role in Staff.Role.values else "")


def _page(
    request: StaffRequest, form: StaffForm, listing: Listing[Staff] | None = None, status: int = 200
) -> HttpResponse:
    posts = list(_posts(request))
    owners = Staff.objects.filter(community=request.community, role=Staff.Role.OWNER).count()
    listing = listing or open_list(request, LIST)
    listing.count(len(posts))
    roles = [(value, ROLES[value]) for value in Staff.Role.values]
    matrix = [
        {
            "name": name,
            "label": _(label),
            "cells": [name in ROLE_PERMISSIONS[role] for role in Staff.Role.values],
        }
        for name, label in PERMISSIONS.items()
    ]
    return page(
        request,
        "console/staff.html",
        {
            "title": _("运营人员"),
            "list": listing,
            "filters": [slices.chips(request.GET, "role", _("角色"), roles, everything=_("全部"))],
            "posts": [(post, post.role == Staff.Role.OWNER and owners == 1) for post in posts],
            "roles": Staff.Role.choices,
            "matrix": matrix,
            "form": form,
        },
        active="staff",
        status=status,
    )
