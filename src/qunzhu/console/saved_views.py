"""Saving, renaming, changing and deleting one's own saved views of list pages."""

from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from qunzhu.console.lists import LONGEST_QUERY, VIEWS, ListSpec
from qunzhu.console.models import SavedView

NAME_LENGTH = 30


class Refused(ValueError):
    """The view cannot be kept as asked; the message says what to do."""


@transaction.atomic
def save_view(
    *, community_id: int, user_id: int, spec: ListSpec[object], name: str, query: str, default: bool, now: datetime
) -> SavedView:
    """Keep the filters and columns of `query` under a name of one's own. Raises Refused."""
    own = SavedView.objects.filter(community_id=community_id, user_id=user_id, page=spec.name)
    found = list(own.values_list("name", flat=True))
    if len(found) >= VIEWS:
        raise Refused(_("一个列表最多存 %(n)d 个视图,请先删掉一个") % {"n": VIEWS})
    if default:
        own.filter(default=True).update(default=False)
    return SavedView.objects.create(
        community_id=community_id,
        user_id=user_id,
        page=spec.name,
        name=_checked(name, found),
        query=_kept(spec, query),
        default=default,
        created_at=now,
    )


def rename_view(view: SavedView, name: str) -> None:
    """Give a view another name. Raises Refused."""
    others = _siblings(view).exclude(pk=view.pk).values_list("name", flat=True)
    view.name = _checked(name, list(others))
    view.save(update_fields=["name"])


def update_view(view: SavedView, spec: ListSpec[object], query: str) -> None:
    """Keep other filters and columns in a view. Raises Refused."""
    view.query = _kept(spec, query)
    view.save(update_fields=["query"])


@transaction.atomic
def set_default(view: SavedView, *, default: bool) -> None:
    """Make a view the one its list opens with, or no longer."""
    _siblings(view).filter(default=True).update(default=False)
    SavedView.objects.filter(pk=view.pk).update(default=default)


def _siblings(view: SavedView) -> QuerySet[SavedView]:
    return SavedView.objects.filter(community_id=view.community_id, user_id=view.user_id, page=view.page)


def _kept(spec: ListSpec[object], query: str) -> str:
    kept = urlencode(spec.kept(dict(parse_qsl(query[: LONGEST_QUERY * 2]))))
    if len(kept) > LONGEST_QUERY:
        raise Refused(_("筛选条件太长,存不下;请去掉几个再存"))
    return kept


def _checked(name: str, others: list[str]) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused(_("请给视图起个名字"))
    if len(name) > NAME_LENGTH:
        raise Refused(_("视图名最多 %(n)d 个字") % {"n": NAME_LENGTH})
    if name in others:
        raise Refused(_("已经有叫“%(name)s”的视图,请换个名字") % {"name": name})
    return name
