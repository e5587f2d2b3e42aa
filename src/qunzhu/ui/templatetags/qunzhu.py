"""What templates say numbers and times with, and small parts of pages. `{% load qunzhu %}`.

Times are shown in the zone of the community (`zone`) against `now`; console/context.py puts both into the context.
"""

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.template.context import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.ui import formats

register = template.Library()
DEFAULT_ZONE = "Asia/Shanghai"


def _language() -> str:
    return get_language() or "zh-hans"


@register.filter
def number(value: float | None) -> str:
    """1.2万"""
    return formats.number(value, _language())


@register.filter
def exact(value: float | None) -> str:
    """12,345"""
    return formats.exact(value)


@register.filter
def percent(value: float | None) -> str:
    """38.0%"""
    return formats.percent(value)


@register.filter
def money(value: int | None) -> str:
    """¥8.60"""
    return formats.money(value)


@register.filter
def duration(value: timedelta | float | None) -> str:
    """1小时"""
    return formats.duration(value, _language())


@register.filter
def may(request: Any, permission: str) -> bool:
    """Whether this person may do `permission`: {% if request|may:"member.mute" %}."""
    return bool(request.may(permission))


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """mapping[key], "" where it is absent."""
    return mapping.get(key, "") if mapping else ""


@register.simple_tag(takes_context=True)
def when(context: Context, at: datetime | None) -> SafeString | str:
    """今天 20:00, with the exact time on hover."""
    return _time(context, at, lambda now, zone: formats.when(at, now, zone, _language()))


@register.simple_tag(takes_context=True)
def ago(context: Context, at: datetime | None) -> SafeString | str:
    """3分钟前, with the exact time on hover."""
    return _time(context, at, lambda now, zone: formats.ago(at, now, zone, _language()))


@register.simple_tag(takes_context=True)
def clock(context: Context, deadline: datetime | None) -> SafeString | str:
    """还剩 2小时 or 已超时 10分钟; red once it is over."""
    if deadline is None:
        return ""
    now, zone = _now(context), _zone(context)
    return format_html(
        '<time class="clock{}" datetime="{}" title="{}">{}</time>',
        " clock-over" if deadline < now else "",
        deadline.isoformat(),
        formats.full(deadline, zone),
        formats.clock(deadline, now, _language()),
    )


@register.simple_tag(takes_context=True)
def day(context: Context, value: date | None) -> str:
    """昨天"""
    return formats.day(value, local_day(_now(context), _zone(context)), _language())


@register.simple_tag(takes_context=True)
def with_query(context: Context, **changes: object) -> str:
    """The current query string with `changes`; "" removes a key: href="{% with_query kind='' before='' %}"."""
    query = {k: v for k, v in context["request"].GET.items() if k not in changes}
    query.update({k: str(v) for k, v in changes.items() if v not in ("", None)})
    return "?" + urlencode(query)


@register.simple_tag(takes_context=True)
def hidden_query(context: Context, *without: str) -> SafeString:
    """The current query as hidden fields, for a form that changes a part of it; paging starts anew."""
    left = {"page", "before", *without}
    kept = [(k, v) for k, v in context["request"].GET.items() if k not in left]
    return format_html_join("", '<input type="hidden" name="{}" value="{}">', kept)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A Material symbol that screen readers skip."""
    return format_html('<span class="material-symbols-outlined" aria-hidden="true">{}</span>', name)


@register.inclusion_tag("ui/empty.html")
def empty(title: str, text: str = "", url: str = "", action: str = "", symbol: str = "inbox") -> dict[str, str]:
    """An empty list is a beginning: what will appear here, and the one step that makes it appear."""
    return {"title": title, "text": text, "url": url, "action": action, "symbol": symbol}


@register.inclusion_tag("ui/level.html")
def level(value: str) -> dict[str, str]:
    """One of the alert levels: grey, notice, yellow, orange, red; nothing for ""."""
    return {"value": value}


@register.inclusion_tag("ui/filters.html", takes_context=True)
def filters(context: Context, rows: Any, url: str = "") -> dict[str, Any]:
    """Rows of filter chips (objects with name, label, choices: url, label, active, count) of the page at `url`."""
    return {"rows": rows, "url": url, "request": context.get("request")}


def _time(context: Context, at: datetime | None, say: Any) -> SafeString | str:
    if at is None:
        return formats.DASH
    zone = _zone(context)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(), formats.full(at, zone), say(_now(context), zone)
    )


def _now(context: Context) -> datetime:
    now = context.get("now")
    return now if isinstance(now, datetime) else SYSTEM_CLOCK.now()


def _zone(context: Context) -> str:
    return str(context.get("zone") or DEFAULT_ZONE)
