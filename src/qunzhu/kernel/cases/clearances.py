"""Decide a request for ad clearance (报备): granted in a window, declined with a reason, or withdrawn by its member."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from qunzhu.kernel.cases.press import Outcome, Press, Unchosen
from qunzhu.kernel.engine.clearances import granted_body
from qunzhu.kernel.events.schema import NewEvent, event_id

HOURS = 24
LONGEST = timedelta(days=366)


def approve(press: Press) -> Outcome:
    """Grant what was asked for, or what the page's form made of it (since, until, everywhere, text, links)."""
    case, asked, chosen = press.case, press.case.payload, press.choices
    since = _time(chosen.get("since", asked.get("since")))
    until = _time(chosen.get("until", asked.get("until")))
    if until is None:
        until = (since or press.now) + timedelta(hours=int(asked.get("hours", HOURS)))
    if until <= press.now:
        raise Unchosen("申请的时间已经过去,请另选一段时间")
    if until - press.now > LONGEST:
        raise Unchosen("报备最长一年,请把结束时间提前")
    try:
        body = granted_body(
            member=case.member_id,
            since=since,
            until=until,
            by=press.user,
            group=None if chosen.get("everywhere", asked.get("group") is None) else case.group_id,
            text=str(chosen.get("text", asked.get("text") or "")),
            links=_texts(chosen.get("links", asked.get("links"))),
            images=_texts(asked.get("images")),
            request=asked["request"],
        )
    except ValueError as error:
        raise Unchosen(str(error)) from error
    if not (body.get("text") or body.get("links") or body.get("images")):
        raise Unchosen("请写明批准的链接或文字")
    if press.note:
        body["note"] = press.note
    return Outcome(events=[_event(press, "clearance.granted", body)], facts={"granted_until": until.isoformat()})


def decline(press: Press) -> Outcome:
    body = {"request": press.case.payload["request"], "reason": press.note, "by": press.user}
    return Outcome(events=[_event(press, "clearance.declined", body)])


def withdraw(press: Press) -> Outcome:
    body = {"request": press.case.payload["request"], "by": "member"}
    return Outcome(events=[_event(press, "clearance.withdrawn", body)])


def _event(press: Press, kind: str, body: dict[str, Any]) -> NewEvent:
    case = press.case
    fact = event_id(kind, case.community_id, "request", case.payload["request"])
    return NewEvent(case.community_id, fact, kind, press.now, body, case.group_id, case.member_id)


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)) if value else None
    except ValueError as error:  # erased with its member
        raise Unchosen("时间没有看懂,请重新选择") from error


def _texts(values: Sequence[Any] | None) -> list[str]:
    return [str(value) for value in values or ()]
