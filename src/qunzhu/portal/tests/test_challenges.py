"""打卡挑战 on a phone: join, prove, look after a buddy; nothing of another community."""

from datetime import timedelta

import pytest

from qunzhu.engagement.challenge import services
from qunzhu.engagement.challenge.models import Challenge, ChallengeEntry, ChallengeProof
from qunzhu.engagement.challenge.policy import Terms
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.services import create_community
from qunzhu.kernel.community.tests.factories import make_member
from qunzhu.kernel.ledger.selectors import balance
from qunzhu.kernel.ledger.services import award
from qunzhu.portal.tests.test_mall import Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def phone() -> Phone:
    return Phone()


def today():
    return local_day(SYSTEM_CLOCK.now(), "Asia/Shanghai")


def open_one(phone: Phone, **terms) -> Challenge:
    usual = {"name": "<i>早起</i>", "starts_on": today() + timedelta(days=1), "days": 3, "need": 2, "stake": 5}
    return services.open_challenge(
        community_id=phone.community.pk, terms=Terms(**{**usual, **terms}), key=f"k{terms}", by="o",
        now=SYSTEM_CLOCK.now() - timedelta(days=terms.pop("ago", 0)),
    )  # fmt: skip


def begin(phone: Phone, one: Challenge) -> None:
    """As if it had been joined yesterday and had begun today."""
    Challenge.objects.filter(pk=one.pk).update(starts_on=today())
    services.start(community_id=phone.community.pk, challenge_id=one.pk, now=SYSTEM_CLOCK.now())


def give(phone: Phone, points: int) -> None:
    award(
        community_id=phone.community.pk, member_id=phone.lin.member.pk, amount=points, key=f"g{points}", kind="adjust",
        now=SYSTEM_CLOCK.now(),
    )  # fmt: skip


def has(phone: Phone) -> int:
    return balance(phone.community.pk, f"m:{phone.lin.member.pk}")


def test_joining_and_stepping_back(phone):
    one = open_one(phone)
    start = has(phone)
    give(phone, 20)
    url = f"/me/challenges/{one.pk}/"
    page = phone.browser.get(url).content.decode()
    assert "&lt;i&gt;早起" in page
    assert "<i>早起" not in page
    assert phone.browser.post(url, {"do": "join"}).status_code == 302
    assert phone.browser.post(url, {"do": "join"}).status_code == 302
    assert has(phone) == start + 15
    assert "已参加" in phone.browser.get("/me/challenges/").content.decode()
    assert phone.browser.post(url, {"do": "leave"}).status_code == 302
    assert (has(phone), ChallengeEntry.objects.get().state) == (start + 20, "out")
    assert phone.browser.post(url, {"do": "prove", "words": "今天六点起床"}).status_code == 409
    assert phone.browser.post(url, {"do": "x"}).status_code == 404


def test_a_day_is_proven_by_words_and_kept_when_they_do_not_do(phone):
    one = open_one(phone, stake=0)
    url = f"/me/challenges/{one.pk}/"
    phone.browser.post(url, {"do": "join"})
    begin(phone, one)
    bad = phone.browser.post(url, {"do": "prove", "words": "哈哈哈"})
    assert (bad.status_code, "哈哈哈" in bad.content.decode()) == (409, True)
    assert not ChallengeProof.objects.exists()
    assert phone.browser.post(url, {"do": "prove", "words": "今天六点起床"}).status_code == 302
    assert "今天已打卡" in phone.browser.get(url).content.decode()
    assert ChallengeProof.objects.get().state == "approved"  # nobody else is there to look


def test_a_buddy_reads_the_words_and_decides(phone):
    one = open_one(phone, stake=0)
    url = f"/me/challenges/{one.pk}/"
    phone.browser.post(url, {"do": "join"})
    wang = make_member(phone.community, "小王")
    common = {"community_id": phone.community.pk, "challenge_id": one.pk, "now": SYSTEM_CLOCK.now()}
    services.join(member_id=wang.pk, **common)
    begin(phone, one)
    proof = services.Proof(wang.pk, "今天读了<b>两页</b>")
    services.prove(proof=proof, at=SYSTEM_CLOCK.now(), **common)
    page = phone.browser.get(url).content.decode()
    assert "今天读了&lt;b&gt;两页" in page
    judge = {"do": "judge", "member": str(wang.pk), "day": f"{today()}"}
    assert phone.browser.post(url, judge).status_code == 302
    assert ChallengeProof.objects.get().state == "rejected"
    assert phone.browser.post(url, {**judge, "approve": "1"}).status_code == 409
    assert phone.browser.post(url, {"do": "judge", "member": "x", "day": "y"}).status_code == 404


def test_another_community_s_is_not_there(phone):
    other = create_community(
        slug="elsewhere", name="别处", timezone="Asia/Shanghai", blueprint={}, now=SYSTEM_CLOCK.now()
    )
    theirs = services.open_challenge(
        community_id=other.pk, terms=Terms("早起", today() + timedelta(days=1)), key="k", by="o", now=SYSTEM_CLOCK.now()
    )
    for path in (f"/me/challenges/{theirs.pk}/", f"/me/challenges/{1 << 63}/"):
        assert phone.browser.get(path).status_code == 404
        assert phone.browser.post(path, {"do": "join"}).status_code == 404
    assert not ChallengeEntry.objects.exists()
    assert "现在没有挑战" in phone.browser.get("/me/challenges/").content.decode()
