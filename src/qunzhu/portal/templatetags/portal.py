"""Small words of the member pages: `{% load portal %}`."""

from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

register = template.Library()
HUES = 8
# Ledger kinds as a member reads them; a memo written for people is shown as it is.
KINDS: dict[str, str] = {
    "checkin": gettext_noop("每日签到"),
    "makeup": gettext_noop("补签"),
    "task": gettext_noop("完成任务"),
    "task.reversed": gettext_noop("任务取消"),
    "report": gettext_noop("举报属实"),
    "quality": gettext_noop("优质内容"),
    "adjust": gettext_noop("人工调整"),
    "reversal": gettext_noop("撤回一笔"),
}
STEPS: dict[str, str] = {"warn": gettext_noop("警告"), "mute": gettext_noop("禁言"), "remove": gettext_noop("移出")}


@register.filter
def step_name(step: str) -> str:
    """警告 · 禁言 · 移出"""
    return _(STEPS.get(step, step))


@register.filter
def letter(name: str) -> str:
    """The first letter of a name, for its avatar."""
    return (name.strip() or "?")[0].upper()


@register.filter
def hue(number: int) -> int:
    """Which of the avatar colours a number gets; js/dom.js says the same."""
    return number % HUES


@register.filter
def quarter(points: int) -> str:
    """Quarter points in points, as exact as they are: 9 → 2.25."""
    return f"{points / 4:,.2f}".rstrip("0").rstrip(".")


@register.filter
def line_title(line: Any) -> str:
    """What a line of the statement was for."""
    known = KINDS.get(line.kind)
    return _(known) if known else line.memo or line.kind
