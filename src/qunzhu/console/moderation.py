"""What staff do by hand: effects into the outbox, points into the ledger. Callers hold the permission and the audit."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from qunzhu.governance.services import give_penalty
from qunzhu.kernel.cases.actions import ADJUSTMENT
from qunzhu.kernel.cases.adjustments import needs_second_person, request_adjustment
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Group, Member, Membership
from qunzhu.kernel.effects.outbox import EffectRequest, request
from qunzhu.kernel.engine.sentences import duration
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.models import LedgerTransaction
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.kernel.ledger.services import (
    Award,
    Insufficient,
    KeyReused,
    NotReversible,
    award,
    points_event,
    reverse,
)

TEXT_LENGTH = 500
LARGEST_ADJUSTMENT = 100_000
MUTE_MINUTES = (10, 60, 24 * 60, 7 * 24 * 60)


class CannotAct(ValueError):
    """The act makes no sense as asked; the message says what to do."""


@transaction.atomic
def act_on_member(
    *,
    kind: str,
    group: Group,
    member: Member,
    key: str,
    by: str,
    now: datetime,
    text: str = "",
    minutes: int | None = None,
) -> None:
    """Warn, mute, unmute or remove a member in `group`; all but unmute is a penalty. The same `key` acts once.

    Raises CannotAct.
    """
    inside = Membership.objects.filter(community_id=group.community_id, group_id=group.pk, member_id=member.pk)
    if inside.exclude(state__in=(Membership.State.LEFT, Membership.State.REMOVED)).first() is None:
        raise CannotAct(_("%(name)s 现在不在“%(group)s”里") % {"name": member.display_name, "group": group.name})
    payload: dict[str, Any] = {}
    if kind == "warn":
        if not text:
            raise CannotAct(_("请写下要对成员说的话"))
        payload = {"text": text}
    elif kind == "mute":
        if minutes not in MUTE_MINUTES:
            raise CannotAct(_("请选择禁言多久"))
        payload = {"until": (now + timedelta(minutes=minutes)).isoformat(), "minutes": minutes}
    if text and kind in {"mute", "remove"}:
        payload["text"] = text
    if kind == "unmute":
        _ask(kind, group, key, by, now, payload, member.pk)
        return
    give_penalty(
        group=group, member_id=member.pk, step=kind, sentence=_sentence(kind, text, minutes), payload=payload,
        key=_key(kind, group, key, member.pk), by=by, now=now,
    )  # fmt: skip


def _sentence(kind: str, text: str, minutes: int | None) -> str:
    """What the member reads of a penalty given by hand (the language of the groups, not of whoever gives it)."""
    said = {
        "warn": "管理员提醒", "mute": f"管理员请你先休息 {duration(minutes or 0)}", "remove": "管理员请你离开本群",
    }[kind]  # fmt: skip
    return f"{said}:{text}" if text else f"{said}。"


def _key(kind: str, group: Group, key: str, member_id: int | None) -> str:
    return f"console:{kind}:{group.pk}:{member_id or 0}:{key}"


@transaction.atomic
def act_on_group(*, kind: str, group: Group, key: str, by: str, now: datetime, text: str = "") -> None:
    """Ask for announce, freeze or unfreeze of `group`. The same `key` asks once. Raises CannotAct."""
    if kind == "announce" and not text:
        raise CannotAct(_("请先写好群公告"))
    payload = {"text": text} if kind == "announce" or (kind == "freeze" and text) else {}
    _ask(kind, group, key, by, now, payload, None)


@transaction.atomic
def adjust_points(
    *, member: Member, amount: int, reason: str, key: str, by: str, role: str | None, now: datetime
) -> int | Case:
    """Give (or with a negative `amount` take) points, with a reason, and say so in the log; the new balance.

    Above what one person may (kernel/cases/adjustments.py) it is a case that waits for a second one. Raises CannotAct
    when the reason is missing, the amount is nothing or too large, or the member has too few.
    """
    if not reason:
        raise CannotAct(_("请写下理由,成员会看到它"))
    if not 0 < abs(amount) <= LARGEST_ADJUSTMENT:
        raise CannotAct(_("一次最多调整 %(n)s 分,不能是 0") % {"n": f"{LARGEST_ADJUSTMENT:,}"})
    named = f"console:{key}"
    done_before = LedgerTransaction.objects.filter(community_id=member.community_id, idempotency_key=named).exists()
    if not done_before and needs_second_person(
        community_id=member.community_id, member_id=member.pk, amount=amount, user=by, now=now
    ):
        if -amount > (there := balance(member.community_id, member_account(member.pk))):
            raise CannotAct(_("积分不够扣:现有 %(n)s 分") % {"n": there})
        return request_adjustment(
            community_id=member.community_id, member_id=member.pk, amount=amount, reason=reason, key=key, user=by,
            role=role, now=now,
        )  # fmt: skip
    try:
        done = award(
            community_id=member.community_id, member_id=member.pk, amount=amount, key=named,
            kind=ADJUSTMENT, memo=reason, now=now,
        )  # fmt: skip
    except Insufficient as error:
        raise CannotAct(_("积分不够扣:现有 %(n)s 分") % {"n": error.balance}) from error
    except KeyReused as error:
        raise CannotAct(_("这个表单已经提交过,请刷新后再填")) from error
    if done.event is not None:
        log.append(raw_connection(), [done.event], now=now)
    return done.balance


@transaction.atomic
def reverse_points(
    *, community_id: int, number: UUID, member_id: int, amount: int, reason: str, by: str, now: datetime
) -> None:
    """Take back transaction `number`, which moved `amount` between the house and one member, and say so in the log.

    Raises CannotAct: without a reason, for any other transaction, for more than one person may move, a second time, or
    where the points are spent.
    """
    if not reason:
        raise CannotAct(_("请写下理由,成员会看到它"))
    if not member_id:
        raise CannotAct(_("这一笔属于订单或活动,请在那里取消或退回"))
    if needs_second_person(community_id=community_id, member_id=member_id, amount=-amount, user=by, now=now):
        raise CannotAct(_("超过一个人能调整的数额:请在成员页用“调整积分”提议,由另一位同事确认"))
    key = f"console:reverse:{number}"
    try:
        done = reverse(community_id=community_id, key=key, of=number, memo=reason, now=now)
    except Insufficient as error:
        raise CannotAct(_("积分不够扣:现有 %(n)s 分") % {"n": error.balance}) from error
    except (NotReversible, KeyReused) as error:
        raise CannotAct(_("这一笔已经撤回过了,或者它本身就是撤回")) from error
    if not done.duplicate:
        told = Award(member_id, -amount, key, "reversed", reason)
        has = balance(community_id, member_account(member_id))
        log.append(raw_connection(), [points_event(community_id, told, done.id, has, now)], now=now)


def _ask(
    kind: str, group: Group, key: str, by: str, now: datetime, payload: Mapping[str, Any], member_id: int | None
) -> None:
    wanted = EffectRequest(
        kind=kind, key=_key(kind, group, key, member_id), group_id=group.pk, member_id=member_id,
        payload=dict(payload), requested_by=by,
    )  # fmt: skip
    request(raw_connection(), group.community_id, [wanted], now=now)
