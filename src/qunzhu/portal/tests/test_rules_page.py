"""群规 on a phone: the rules in force, and the button that agrees to them."""

import pytest
from django.test import Client

from qunzhu.governance.consumer import CONSUMER
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.services import create_community, create_group
from qunzhu.kernel.community.tests.factories import events_of, run
from qunzhu.kernel.connectors.local.services import Joined, join_room, open_room
from qunzhu.kernel.connectors.local.tokens import COOKIE
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.engine.tests.workplace import workplace

pytestmark = pytest.mark.django_db(transaction=True)
BLUEPRINT = {"governance": {"pact": [{"id": "1.1", "text": "对事不对人。"}, {"id": "2.1", "text": "旧的说法"}]}}


@pytest.fixture
def joined() -> Joined:
    now = SYSTEM_CLOCK.now()
    community = create_community(
        slug="rules", name="职场知识社", timezone="Asia/Shanghai", blueprint=BLUEPRINT, now=now
    )
    group = create_group(community=community, name="一群", platform_id="r1", now=now)
    return join_room(room=open_room(group=group), nickname="老陈", now=now)


def phone(joined: Joined) -> Client:
    client = Client()
    client.cookies[COOKIE] = joined.token
    return client


def publish(joined: Joined, **changes: object) -> None:
    rules = [{**rule, **changes} if rule["id"] == "red_keyword" else rule for rule in workplace()["rules"]]
    publish_rulebook(community_id=joined.member.community_id, rules=rules, by="t", now=SYSTEM_CLOCK.now())


def test_the_rules_in_force_are_read_and_agreed_to(joined: Joined) -> None:
    publish(joined, state="shadow")
    client = phone(joined)
    text = client.get("/me/rules/").content.decode()
    assert "同一成员当天发言超过 5 次" in text
    assert "对事不对人。" in text
    assert "旧的说法" not in text  # the rule itself says it
    assert "资金募集或诈骗信息" not in text  # on trial: no concern of members
    assert "第 1 版,请看看" in client.get("/me/").content.decode()
    answer = client.post("/me/rules/agree/", {"version": "1"})
    assert (answer.status_code, answer["Location"]) == (302, "/me/rules/")
    run(CONSUMER, now=SYSTEM_CLOCK.now())
    assert "你已同意第 1 版" in client.get("/me/rules/").content.decode()
    assert "已同意第 1 版" in client.get("/me/").content.decode()
    (given,) = events_of(joined.member.community, "consent.given")
    assert (given.member_id, given.body) == (joined.member.pk, {"version": 1, "via": "page"})


@pytest.mark.parametrize("version", ["1", "0", "", "x", "99999999999", "3"])
def test_only_the_version_in_force_can_be_agreed_to(joined: Joined, version: str) -> None:
    publish(joined)
    publish(joined)
    answer = phone(joined).post("/me/rules/agree/", {"version": version})
    assert (answer.status_code, answer["Location"]) == (302, "/me/rules/?moved=1")
    assert "群规刚刚更新了" in phone(joined).get("/me/rules/?moved=1").content.decode()
    assert events_of(joined.member.community, "consent.given") == []


def test_strangers_agree_to_nothing(joined: Joined) -> None:
    publish(joined)
    for client in (Client(), Client(enforce_csrf_checks=True)):
        assert client.post("/me/rules/agree/", {"version": "1"}).status_code == 403
    member = phone(joined)
    member.handler.enforce_csrf_checks = True
    assert member.post("/me/rules/agree/", {"version": "1"}).status_code == 403
    assert member.get("/me/rules/agree/").status_code == 405
    assert events_of(joined.member.community, "consent.given") == []


def test_without_rules_the_page_says_what_will_come(joined: Joined) -> None:
    assert "还没有发布群规" in phone(joined).get("/me/rules/").content.decode()
    assert "me/rules" not in phone(joined).get("/me/").content.decode()


def test_a_rule_that_judges_by_a_score_is_told_in_the_words_of_the_pact(joined: Joined) -> None:
    scored = {
        "id": "attack", "chapter": "risk", "name": "人身攻击", "clause": "1.1", "on": ["message.posted"],
        "when": {"fact": "verdict.attack", "at_least": 0.75}, "then": [{"warn": {}}], "explain": "对事不对人。",
    }  # fmt: skip
    publish_rulebook(
        community_id=joined.member.community_id, rules=[scored, {**scored, "id": "free", "clause": "9.9"}], by="t",
        now=SYSTEM_CLOCK.now(),
    )  # fmt: skip
    text = phone(joined).get("/me/rules/").content.decode()
    assert text.count("对事不对人。") == 1
    assert text.count("像人身攻击的分数达到 0.75") == 1  # no clause says it better
