"""打卡挑战 in the console: opened once by who may, watched, decided on, called off with every stake returned."""

from datetime import timedelta

import pytest

from qunzhu.console.tests.desk import Desk, make_desk, permitted, refused
from qunzhu.engagement.challenge import services
from qunzhu.engagement.challenge.models import Challenge, ChallengeProof
from qunzhu.engagement.challenge.selectors import check_challenges
from qunzhu.engagement.challenge.services import Proof
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.ledger.selectors import balance, check_ledger
from qunzhu.kernel.ledger.services import award

pytestmark = pytest.mark.django_db(transaction=True)


def today():
    return local_day(SYSTEM_CLOCK.now(), "Asia/Shanghai")


def form(**more):
    usual = {
        "name": "<b>早起</b>", "about": "", "group": "", "starts_on": f"{today() + timedelta(days=1)}", "days": "3",
        "need": "2", "stake": "20", "proof": "any", "key": "k",
    }  # fmt: skip
    return {**usual, **more}


def opened(desk: Desk, **more) -> Challenge:
    assert desk.client("moderator").post(desk.url("challenges/new/"), form(**more)).status_code == 302
    return Challenge.objects.get(community_id=desk.community.pk)


def join(desk: Desk, one: Challenge) -> None:
    award(
        community_id=desk.community.pk,
        member_id=desk.member.pk,
        amount=50,
        key="g",
        kind="adjust",
        now=SYSTEM_CLOCK.now(),
    )
    services.join(community_id=desk.community.pk, challenge_id=one.pk, member_id=desk.member.pk, now=SYSTEM_CLOCK.now())


def test_opened_once_by_who_may_and_told_to_the_groups():
    desk = make_desk()
    assert permitted(desk, {"owner", "manager", "moderator"}, "challenges/new/", form()) == refused(
        "analyst", "finance"
    )
    assert not Challenge.objects.exists()
    one = opened(desk)
    assert opened(desk).pk == one.pk  # the same form again
    assert (one.name, one.days, one.need, one.stake, one.buddies, one.group_id) == (
        "<b>早起</b>",
        3,
        2,
        20,
        False,
        None,
    )
    assert Effect.objects.filter(community_id=desk.community.pk, rule="challenge").count() == 2  # two groups
    page = desk.client("analyst").get(desk.url("challenges/")).content.decode()
    assert "&lt;b&gt;早起" in page
    assert "<b>早起" not in page
    assert ("moderator-desk", "challenge.open", "") in desk.audit()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("starts_on", "2020-01-01"), ("starts_on", "x"), ("days", "0"), ("need", "9"), ("stake", "-1"),
     ("proof", "video"), ("group", "999999")],
)  # fmt: skip
def test_what_makes_no_sense_is_said_at_the_field(field, value):
    desk = make_desk()
    answer = desk.client("owner").post(desk.url("challenges/new/"), form(**{field: value}))
    assert answer.status_code == 422
    assert "field-error" in answer.content.decode()
    assert not Challenge.objects.exists()


def test_a_proof_is_decided_on_and_calling_off_returns_every_stake():
    desk, other = make_desk(), make_desk("other")
    one = opened(desk)
    join(desk, one)
    path = f"challenges/{one.pk}/act/"
    tomorrow = SYSTEM_CLOCK.now() + timedelta(days=1)
    services.start(community_id=desk.community.pk, challenge_id=one.pk, now=tomorrow)
    services.prove(
        community_id=desk.community.pk, challenge_id=one.pk, proof=Proof(desk.member.pk, "今天六点起床"), now=tomorrow,
        at=tomorrow,
    )  # fmt: skip
    page = desk.client("analyst").get(desk.url(f"challenges/{one.pk}/")).content.decode()
    assert "小林" in page
    judge = {"do": "judge", "member": str(desk.member.pk), "day": f"{today() + timedelta(days=1)}"}
    assert permitted(desk, {"owner", "manager", "moderator"}, path, judge) == refused("analyst", "finance")
    assert ChallengeProof.objects.get().state == "approved"
    assert desk.client("moderator").post(desk.url(path), judge).status_code == 302
    assert ChallengeProof.objects.get().state == "rejected"
    browser = desk.client("manager")
    assert browser.post(desk.url(path), {"do": "cancel", "reason": " "}).status_code == 422
    assert other.client("owner").post(other.url(path), {"do": "cancel", "reason": "x"}).status_code == 404
    assert balance(desk.community.pk, f"m:{desk.member.pk}") == 30
    assert browser.post(desk.url(path), {"do": "cancel", "reason": "改期"}).status_code == 302
    assert balance(desk.community.pk, f"m:{desk.member.pk}") == 50
    assert check_challenges(desk.community.pk) == check_ledger(desk.community.pk) == []
    assert "改期" in browser.get(desk.url(f"challenges/{one.pk}/")).content.decode()


@pytest.mark.parametrize(
    "given",
    [{}, {"do": "x"}, {"do": "judge"}, {"do": "judge", "member": "1", "day": "x"}, {"do": "judge", "member": "²"}],
)
def test_odd_deeds_are_nothing(given):
    desk = make_desk()
    one = opened(desk)
    assert desk.client("owner").post(desk.url(f"challenges/{one.pk}/act/"), given).status_code == 404
    assert desk.client("owner").get(desk.url(f"challenges/{1 << 63}/")).status_code == 404
