"""What lies on the shelf: goods from the blueprint and the console, their stock, codes and pictures."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
from django.db import transaction
from django.db.models import Max

from qunzhu.engagement.mall import facts, notices
from qunzhu.engagement.mall.locks import lock_goods
from qunzhu.engagement.mall.models import MallCode, MallGood, MallPicture
from qunzhu.engagement.mall.pictures import square
from qunzhu.engagement.mall.policy import BadLine, Refused, parse_codes
from qunzhu.engagement.mall.services import Append
from qunzhu.kernel.blueprint.chapters.engagement import Good
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection

BY_BLUEPRINT = "blueprint"
MOST_STOCK = 1_000_000
# What a form may change; stock, codes and the picture have ways of their own.
FIELDS = (
    "name", "kind", "price", "low_stock", "per_member", "min_level", "level_limits", "about", "image", "content",
    "perk", "days", "on_sale",
)  # fmt: skip


@transaction.atomic
def stock_shelf(community: Community, *, now: datetime, append: Append | None = None) -> int:
    """Put the goods of the blueprint on the shelf that were never there; the console keeps them from then on."""
    given = community.blueprint.get("engagement", {}).get("mall", [])
    known = set(MallGood.objects.filter(community_id=community.pk).exclude(slug="").values_list("slug", flat=True))
    fresh = [good for good in msgspec.convert(given, list[Good]) if good.id not in known]
    for good in fresh:
        fields = {
            "name": good.name, "kind": good.kind, "price": good.price, "low_stock": good.low_stock,
            "per_member": good.per_member, "min_level": good.min_level, "about": good.about, "image": good.image,
            "level_limits": [[limit.level, limit.limit] for limit in good.per_level], "content": good.content,
            "perk": good.perk or (good.id if good.kind == "perk" else ""), "days": good.days,
        }  # fmt: skip
        codes = list(dict.fromkeys(good.codes)) if good.kind == "virtual" else []
        stock = 0 if codes else good.stock
        made = add_good(community.pk, fields, stock=stock, slug=good.id, by=BY_BLUEPRINT, now=now, append=append)
        if codes:
            add_codes(
                community_id=community.pk, number=made.number, codes=codes, by=BY_BLUEPRINT, now=now, append=append
            )
    return len(fresh)


@transaction.atomic
def add_good(
    community_id: int,
    fields: Mapping[str, Any],
    *,
    stock: int,
    slug: str = "",
    by: str,
    now: datetime,
    append: Append | None = None,
) -> MallGood:
    """A new good with the next number."""
    Community.objects.select_for_update(no_key=True).only("id").get(pk=community_id)  # of two new goods, one waits
    last = MallGood.objects.filter(community_id=community_id).aggregate(last=Max("number"))["last"] or 0
    good = MallGood(community_id=community_id, number=last + 1, slug=slug, stock=stock, created_at=now, **fields)
    good.save(force_insert=True)
    _tell(good, {"name": good.name, "kind": good.kind, "price": good.price, "new": True}, by, now, append)
    return good


@transaction.atomic
def edit_good(*, community_id: int, number: int, fields: Mapping[str, Any], by: str, now: datetime) -> dict[str, Any]:
    """Change what a form may change; returns field → (before, after). Raises `Refused`."""
    good = _locked(community_id, number)
    changes = {name: (getattr(good, name), fields[name]) for name in FIELDS if name in fields}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    if good.with_codes and fields.get("kind", good.kind) != "virtual":
        raise Refused("kind", "有卡密的商品只能是虚拟商品。")
    if changes:
        values = {name: after for name, (_before, after) in changes.items()}
        MallGood.objects.filter(community_id=community_id, number=number).update(**values)
        # Long words stay in the row; the log says that they changed.
        told = {name: after for name, after in values.items() if name not in {"about", "content", "image"}}
        _tell(good, told or {"text": True}, by, now)
    return changes


@transaction.atomic
def set_stock(*, community_id: int, number: int, stock: int, by: str, now: datetime) -> tuple[int, int]:
    """Count the shelf anew; (before, after). Raises `Refused` where codes are what there is of it."""
    good = _locked(community_id, number)
    if good.with_codes:
        raise Refused("codes", "这件商品的库存就是卡密的数量，请导入卡密。")
    if not 0 <= stock <= MOST_STOCK:
        raise Refused("stock", f"库存在 0 到 {MOST_STOCK} 之间。")
    before = good.stock
    if stock != before:
        _put(good, stock)
        _tell(good, {"stock": [before, stock]}, by, now)
        notices.restocked(good, now=now)
    return before, stock


def import_codes(*, community_id: int, number: int, data: bytes, by: str, now: datetime) -> tuple[int, list[BadLine]]:
    """Add the codes of a CSV, all or none: (how many, lines that cannot be taken)."""
    codes, bad = parse_codes(data)
    if not bad and not codes:
        bad = [BadLine(1, "", "文件里没有卡密")]
    if not bad:
        there = MallCode.objects.filter(community_id=community_id, good=number, code__in=codes)
        if known := set(there.values_list("code", flat=True)):
            _codes, bad = parse_codes(data, known=known)
    if bad:
        return 0, bad
    return add_codes(community_id=community_id, number=number, codes=codes, by=by, now=now), []


@transaction.atomic
def add_codes(
    *,
    community_id: int,
    number: int,
    codes: Sequence[str],
    by: str,
    now: datetime,
    append: Append | None = None,
) -> int:
    """Codes for a virtual good; each adds one to its stock. Raises `Refused`."""
    good = _locked(community_id, number)
    if good.kind != MallGood.Kind.VIRTUAL:
        raise Refused("kind", "只有虚拟商品可以导入卡密。")
    rows = [MallCode(community_id=community_id, good=number, code=code, added_at=now) for code in codes]
    MallCode.objects.bulk_create(rows, batch_size=1_000)
    stock = len(codes) + (good.stock if good.with_codes else 0)  # what was counted by hand has no codes
    MallGood.objects.filter(community_id=community_id, number=number).update(with_codes=True)
    _put(good, stock)
    _tell(good, {"codes": len(codes)}, by, now, append)
    if append is None:
        notices.restocked(good, now=now)
    return len(codes)


@transaction.atomic
def set_picture(*, community_id: int, number: int, data: bytes, by: str, now: datetime) -> str:
    """Cut and keep a picture; returns its digest. Raises `Refused` for what is no picture."""
    sha256, encoded = square(data)
    good = _locked(community_id, number)
    MallPicture.objects.get_or_create(community_id=community_id, sha256=sha256, defaults={"data": encoded})
    MallGood.objects.filter(community_id=community_id, number=number).update(picture=sha256)
    _tell(good, {"picture": sha256}, by, now)
    return sha256


def _locked(community_id: int, number: int) -> MallGood:
    good = lock_goods(community_id, [number]).get(number)
    if good is None:
        raise Refused("gone", "商城里没有这件商品。")
    return good


def _put(good: MallGood, stock: int) -> None:
    good.stock = stock
    MallGood.objects.filter(community_id=good.community_id, number=good.number).update(stock=stock)


def _tell(good: MallGood, what: dict[str, Any], by: str, now: datetime, append: Append | None = None) -> None:
    event = facts.changed(good, what, by, uuid4().hex, now)
    if append is None:
        log.append(raw_connection(), [event], now=now)
    else:
        append(event)
