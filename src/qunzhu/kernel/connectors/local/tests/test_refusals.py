"""Refusals speak Chinese and English, whatever their code."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter

import pytest
from django.conf import settings

import qunzhu
from qunzhu.kernel.connectors.local.parse import Refusal
from qunzhu.kernel.connectors.local.refusals import IN_ENGLISH, LANGUAGE_COOKIE, body_of, say

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
ALWAYS = {"size": "limit", "wait": "until"}  # made from what a refusal carries


def raised():
    """Every `Refusal(…)` in the product: (code, its Chinese sentence, the names it carries)."""
    for path in Path(qunzhu.__file__).parent.rglob("*.py"):
        if "tests" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal":
                _status, code, sentence = node.args
                yield code.value, ast.unparse(sentence), {k.arg for k in node.keywords}


RAISED = sorted(raised(), key=lambda found: found[:2])


def test_the_catalogue_has_exactly_the_codes_that_are_raised():
    assert {code for code, _, _ in RAISED} == set(IN_ENGLISH)


@pytest.mark.parametrize(("code", "chinese", "carried"), RAISED)
def test_every_code_has_both_languages(code, chinese, carried):
    assert is_chinese(chinese)
    assert not is_chinese(IN_ENGLISH[code])
    needed = {name for _, name, _, _ in Formatter().parse(IN_ENGLISH[code]) if name}
    assert {ALWAYS.get(name, name) for name in needed} <= carried


def is_chinese(text):
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def test_the_sentence_follows_the_language_and_everything_else_stays():
    refusal = Refusal(429, "too_fast", "发得太快了,歇一歇再发", retry_after=2)
    assert body_of(refusal, language="zh-hans", now=NOW) == refusal.body()
    assert body_of(refusal, language="en", now=NOW) == {
        "error": "too_fast", "message": "You are posting too fast. Wait a moment.", "retry_after": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(seconds=1), "1 minute"), (timedelta(minutes=24, seconds=1), "25 minutes"),
        (timedelta(minutes=60), "1 hour"), (timedelta(minutes=61), "2 hours"), (timedelta(days=3), "3 days"),
    ],
)  # fmt: skip
def test_a_mute_says_how_long_it_still_is(left, said):
    refusal = Refusal(403, "muted", "先休息一下", until=(NOW + left).isoformat())
    sentence = f"Take a break: you can post again in {said}. Is this wrong? Ask the group's owner."
    assert say(refusal, language="en", now=NOW) == sentence


def test_a_limit_is_said_in_figures():
    assert say(Refusal(413, "too_large", "太大", limit=5 * 1024 * 1024), language="en", now=NOW).endswith(
        "at most 5 MB."
    )
    assert say(Refusal(400, "too_long", "太长", limit=4000), language="en", now=NOW).endswith("4000 characters.")


def test_the_receiver_goes_by_the_cookie_of_the_pages():
    assert settings.LANGUAGE_COOKIE_NAME == LANGUAGE_COOKIE
