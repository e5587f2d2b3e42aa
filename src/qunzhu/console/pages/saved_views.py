"""Choosing columns and keeping views, for every list page. A person sees and changes own views only."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console import saved_views
from qunzhu.console.lists import ListSpec, address, user_id
from qunzhu.console.models import SavedView
from qunzhu.console.pages import (
    appeals,
    audit,
    blackbox,
    cases,
    challenges,
    debates,
    effects,
    feed,
    groups,
    imports,
    keywords,
    ledger,
    levels,
    mall,
    mall_orders,
    members,
    scores,
    staff,
    tasks,
)
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, check_may, staff_page

LISTS: dict[str, ListSpec[Any]] = {tasks.PEOPLE.name: tasks.PEOPLE} | {
    module.LIST.name: module.LIST
    for module in (
        cases,
        feed,
        appeals,
        effects,
        keywords,
        members,
        groups,
        blackbox,
        imports,
        staff,
        audit,
        ledger,
        challenges,
        mall,
        mall_orders,
        tasks,
        levels,
        scores,
        debates,
    )
}


@staff_page("view")
@require_safe
def columns(request: StaffRequest, page: str) -> HttpResponse:
    """The list with the boxes that were ticked, as an address; what else stood in the address stays."""
    spec = _spec(request, page)
    rest = {k: v for k, v in request.GET.items() if k not in {"col", "cols", "page", "before"}}
    chosen = spec.kept(rest, request.GET.getlist("col")).get("cols", "")
    return redirect(f"{_url(request, spec)}?{urlencode({**rest, 'cols': chosen} if chosen else rest or {'view': 0})}")


@staff_page("view")
@require_POST
def save(request: StaffRequest, page: str) -> HttpResponse:
    """Keep the filters and columns that are on as a view of one's own."""
    spec = _spec(request, page)
    query = request.POST.get("query", "")
    try:
        view = saved_views.save_view(
            community_id=request.community.pk,
            user_id=user_id(request),
            spec=spec,
            name=request.POST.get("name", ""),
            query=query,
            default="default" in request.POST,
            now=SYSTEM_CLOCK.now(),
        )
    except saved_views.Refused as reason:
        messages.error(request, str(reason))
        kept = urlencode(spec.kept(dict(parse_qsl(query))))
        return redirect(f"{_url(request, spec)}?{kept or 'view=0'}")
    messages.success(request, _("已存为视图“%(name)s”") % {"name": view.name})
    return _to(request, spec, view)


@staff_page("view")
@require_POST
def change(request: StaffRequest, page: str, view_id: int) -> HttpResponse:
    """Rename, change, make default or delete a view of one's own."""
    spec = _spec(request, page)
    view = get_object_or_404(
        SavedView, pk=view_id, community_id=request.community.pk, user_id=user_id(request), page=spec.name
    )
    do = _DEEDS.get(request.POST.get("do", ""))
    if do is None:
        raise Http404
    try:
        said = do(request, spec, view)
    except saved_views.Refused as reason:
        messages.error(request, str(reason))
    else:
        messages.success(request, said)
    return _to(request, spec, view)


def _rename(request: StaffRequest, _spec: ListSpec[Any], view: SavedView) -> str:
    saved_views.rename_view(view, request.POST.get("name", ""))
    return _("已改名为“%(name)s”") % {"name": view.name}


def _update(request: StaffRequest, spec: ListSpec[Any], view: SavedView) -> str:
    saved_views.update_view(view, spec, request.POST.get("query", ""))
    return _("视图“%(name)s”已更新") % {"name": view.name}


def _default(_request: StaffRequest, _spec: ListSpec[Any], view: SavedView) -> str:
    saved_views.set_default(view, default=not view.default)
    if view.default:
        return _("打开这个列表时不再用“%(name)s”") % {"name": view.name}
    return _("以后打开这个列表,先看“%(name)s”") % {"name": view.name}


def _delete(_request: StaffRequest, _spec: ListSpec[Any], view: SavedView) -> str:
    view.delete()
    return _("视图“%(name)s”已删除") % {"name": view.name}


_DEEDS: dict[str, Callable[[StaffRequest, ListSpec[Any], SavedView], str]] = {
    "rename": _rename,
    "update": _update,
    "default": _default,
    "delete": _delete,
}


def _spec(request: StaffRequest, page: str) -> ListSpec[Any]:
    """The list of that name, for those who may see it."""
    spec = LISTS.get(page)
    if spec is None:
        raise Http404
    check_may(request, spec.permission)
    return spec


def _url(request: StaffRequest, spec: ListSpec[Any]) -> str:
    return reverse(f"console:{spec.name}", args=[request.community.slug])


def _to(request: StaffRequest, spec: ListSpec[Any], view: SavedView) -> HttpResponse:
    return redirect(f"{_url(request, spec)}?{address(view) if view.pk else 'view=0'}")
