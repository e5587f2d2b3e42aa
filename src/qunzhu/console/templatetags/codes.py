"""Codes in words: `{% load codes %}{{ entry.action|act_name }}`."""

from typing import Any

from django import template
from django.template.context import Context

from qunzhu.console.reading import backtests, case_titles, codes, effect_words, incident_words, rule_words
from qunzhu.console.reading import word_options as options_in_words
from qunzhu.kernel.clock import SYSTEM_CLOCK

register = template.Library()
register.filter("act_name", codes.act_name)
register.filter("case_title", case_titles.case_title)
register.filter("actor_name", codes.actor_name)
register.filter("fact_name", codes.fact_name)
register.filter("kind_name", codes.kind_name)
register.filter("test_name", backtests.title_of)
register.filter("said_of_step", incident_words.said_of_step)


register.filter("word_options", options_in_words.describe)


@register.filter
def fact_value(value: Any, code: str) -> str:
    """The value of a fact: categories by name, yes and no, lists with commas."""
    return rule_words.fact_value(code, value)


@register.simple_tag(takes_context=True)
def came_of_it(context: Context, detail: Any) -> str:
    """What became of an effect: {% came_of_it effect.detail %}."""
    now = context.get("now") or SYSTEM_CLOCK.now()
    return effect_words.came_of_it(detail, now=now, zone=context["community"].timezone)


@register.filter
def role_name(code: str) -> str:
    """Owner → 群主"""
    return str(codes.ROLES.get(code, code))


@register.filter
def connector_name(code: str | None) -> str:
    """Local → 网页群聊"""
    return str(codes.CONNECTORS.get(code or "", code or ""))
