"""Effects and dead letters: what really happened, and who may try again."""

from datetime import timedelta
from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from qunzhu.console.reading.effect_words import came_of_it
from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.connectors.port import PROFILES, detail
from qunzhu.kernel.effects.details import NOT_SUPPORTED, NOTED, WORDS
from qunzhu.kernel.effects.models import Effect

pytestmark = pytest.mark.django_db
MAY_RETRY = {"owner", "manager", "moderator"}


@pytest.fixture
def desk():
    return make_desk()


def test_the_list_is_newest_first_and_pages_by_position(desk):
    now = SYSTEM_CLOCK.now()
    made = [desk.effect(created_at=now - timedelta(minutes=n)) for n in range(60)]
    client = desk.client("analyst")
    first = client.get(desk.url("effects/"))
    assert [row.effect.id for row in first.context["rows"]] == made[:50]
    second = client.get(desk.url(f"effects/?before={first.context['older']}"))
    assert [row.effect.id for row in second.context["rows"]] == made[50:]
    assert second.context["older"] == ""


def test_filters_and_nonsense(desk):
    desk.effect()
    failed = desk.effect("failed")
    client = desk.client("owner")
    rows = client.get(desk.url("effects/?status=failed&kind=say")).context["rows"]
    assert [row.effect.id for row in rows] == [failed]
    for query in (
        "?status=x",
        "?before=x",
        "?before=99-zz",
        "?before=99999999999999999-00000000000000000000000000000000",
    ):
        assert client.get(desk.url(f"effects/{query}")).status_code == 200


def test_the_list_costs_the_same_at_any_size(desk):
    client = desk.client("owner")
    desk.effect()
    counted = []
    for more in (0, 60):
        for _ in range(more):
            desk.effect()
        client.get(desk.url("effects/"))
        with CaptureQueriesContext(connection) as seen:
            client.get(desk.url("effects/"))
        counted.append(len(seen))
    assert counted[0] == counted[1]


def test_a_detail_page_says_what_did_not_happen(desk):
    number = desk.effect("failed", attempts=6, last_error="timeout <b>", detail=detail("gave_up", attempts=6))
    text = desk.client("analyst").get(desk.url(f"effects/{number}/")).content.decode()
    assert "多次尝试都没有成功:没有发生,等人决定。" in text
    assert "试了 6 次都没有成功" in text
    assert "timeout &lt;b&gt;" in text
    assert "desk:1" in text
    assert "/retry/" not in text  # an analyst may not


def test_what_came_of_an_effect_speaks_the_language_of_the_page(desk):
    until = SYSTEM_CLOCK.now() + timedelta(days=400)
    local = until.astimezone(ZoneInfo(desk.community.timezone))
    number = desk.effect(detail=detail("muted", until=until.isoformat()))
    client = desk.client("analyst")
    pages = ("effects/", f"effects/{number}/", "effects/export.csv")
    said = f"已禁言到 {local.year}年{local.month}月{local.day}日 {local:%H:%M}"
    assert [said in read(client, desk.url(path)) for path in pages] == [True] * 3
    client.cookies["django_language"] = "en"
    said = f"Muted until {local.day} {local:%b} {local.year} {local:%H:%M}"
    assert [said in read(client, desk.url(path)) for path in pages] == [True] * 3
    assert "已禁言到" not in read(client, desk.url(pages[1])).replace("&quot;", "")


def read(client, url):
    answer = client.get(url)
    return (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()


def sentences():
    """Every sentence that can come of an effect: of each code, and of each reason of a profile."""
    reasons = (r for profile in PROFILES.values() for r in profile.reasons.values())
    return [*WORDS.values(), *reasons, NOT_SUPPORTED, NOTED]


@pytest.mark.parametrize("chinese", sentences())
def test_everything_that_can_come_of_an_effect_is_said_in_both_languages(chinese):
    with translation.override("en"):
        english = translation.gettext(chinese)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese) or chinese == NOTED
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in english)
    assert fields(english) == fields(chinese)


def fields(sentence):
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_a_sentence_of_an_earlier_version_and_an_unknown_code_are_shown_as_they_are():
    now, zone = SYSTEM_CLOCK.now(), "Asia/Shanghai"
    said = [came_of_it(d, now=now, zone=zone) for d in ("已发到群里", {"code": "flown"}, {}, None, QUOTED_ANSWER)]
    assert said == ["已发到群里", "flown", "", "", "user is not in group"]


QUOTED_ANSWER = {"code": "quoted", "text": "user is not in group"}


def test_retry_needs_the_permission_and_a_dead_letter(desk):
    number = desk.effect("failed", attempts=6)
    path = f"effects/{number}/retry/"
    assert permitted(desk, MAY_RETRY, path) == refused("analyst", "finance")
    assert Effect.objects.get(id=number).status == "failed"
    client = desk.client("moderator")
    assert client.post(desk.url(path)).status_code == 302
    effect = Effect.objects.get(id=number)
    assert (effect.status, effect.attempts) == ("pending", 0)
    assert client.post(desk.url(path)).status_code == 409
    assert desk.audit() == [("moderator-desk", "effect.retry", f"effect:{number}")]


def test_with_an_open_case_retry_and_drop_go_through_it(desk):
    number = desk.effect("failed")
    case = desk.case("effect_failed", payload={"effect": str(number), "kind": "say"})
    Effect.objects.filter(id=number).update(case_id=case.pk)
    client = desk.client("owner")
    assert client.post(desk.url(f"effects/{number}/drop/"), {"version": "7"}).status_code == 409
    assert client.post(desk.url(f"effects/{number}/drop/"), {"version": "1"}).status_code == 302
    case.refresh_from_db()
    assert (case.state, case.action) == ("decided", "drop")
    assert Effect.objects.get(id=number).status == "failed"


def test_an_effect_of_another_community_is_not_there(desk):
    number = make_desk("other").effect("failed")
    client = desk.client("owner")
    assert client.get(desk.url(f"effects/{number}/")).status_code == 404
    assert client.post(desk.url(f"effects/{number}/retry/")).status_code == 404
    assert Effect.objects.get(id=number).status == "failed"
