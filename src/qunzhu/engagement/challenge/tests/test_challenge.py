"""A challenge from sign-up to every one of its ends: points and states are where they belong after each step."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from qunzhu.engagement.challenge import services
from qunzhu.engagement.challenge.models import Challenge, ChallengeEntry
from qunzhu.engagement.challenge.policy import Refused
from qunzhu.engagement.challenge.tests.camp import DAY, TODAY, Camp
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def state(challenge: Challenge) -> str:
    return Challenge.objects.get(pk=challenge.pk).state


def test_who_finishes_shares_what_the_others_lose():
    camp = Camp("林", "王", "安")
    one = camp.open()
    camp.join(one, "林", "王", "安")
    assert (camp.points(), camp.held(one)) == ({"林": 80, "王": 80, "安": 80}, 60)
    camp.check()
    assert camp.pass_days() == 1
    assert state(one) == "running"
    for name in ("林", "王"):
        camp.prove(one, name)
    assert camp.pass_days() == 0
    camp.prove(one, "林")
    camp.prove(one, "王")
    camp.prove(one, "安")
    assert camp.pass_days() == 0  # the last day
    assert camp.pass_days() == 1
    assert camp.pass_days() == 0
    assert (state(one), camp.states(one)) == ("settled", {"林": "finished", "王": "finished", "安": "failed"})
    assert (camp.points(), camp.held(one)) == ({"林": 110, "王": 110, "安": 80}, 0)
    assert camp.events() == [
        "challenge.opened", *["challenge.joined"] * 3, "challenge.started",
        *["challenge.said", "challenge.proven"] * 5, "challenge.ended",
    ]  # fmt: skip
    assert [text.split("，")[0] for text in camp.told()] == [
        "新的打卡挑战“早起”", "打卡挑战“早起”今天开始", "打卡挑战“早起”结束",
    ]  # fmt: skip
    camp.check()


def test_what_does_not_divide_goes_to_who_joined_first():
    camp = Camp("林", "王", "安", "白")
    one = camp.open(need=1, stake=25)
    camp.join(one, "白", "林", "王", "安")
    camp.pass_days()
    for name in ("林", "王", "安"):
        camp.prove(one, name)
    camp.pass_days(4)
    assert camp.points() == {"林": 109, "王": 108, "安": 108, "白": 75}
    camp.check()


def test_where_nobody_finishes_the_stakes_leave_circulation():
    camp = Camp("林", "王")
    one = camp.open()
    camp.join(one, "林", "王")
    camp.pass_days()
    camp.pass_days(4)
    assert (camp.points(), camp.held(one), state(one)) == ({"林": 80, "王": 80}, 0, "settled")
    camp.check()


def test_stepping_back_before_the_first_day_returns_the_stake_and_one_may_come_again():
    camp = Camp("林")
    one = camp.open()
    camp.join(one, "林")
    services.leave(**camp.ids(one), member_id=camp.people["林"].pk)
    assert (camp.points(), camp.states(one)) == ({"林": 100}, {"林": "out"})
    with pytest.raises(Refused):
        services.leave(**camp.ids(one), member_id=camp.people["林"].pk)
    camp.join(one, "林", "林")
    assert (camp.points(), camp.held(one), ChallengeEntry.objects.get().turn) == ({"林": 80}, 20, 2)
    camp.pass_days()
    with pytest.raises(Refused) as late:
        services.leave(**camp.ids(one), member_id=camp.people["林"].pk)
    assert late.value.code == "late"
    camp.check()


def test_nobody_joins_too_late_or_with_too_few_points():
    camp = Camp("林")
    camp.people["穷"] = camp.member("穷", 19)
    one = camp.open()
    with pytest.raises(Refused) as poor:
        camp.join(one, "穷")
    assert str(poor.value) == "押金要 20 积分，你有 19。先签到攒一攒。"
    assert not ChallengeEntry.objects.exists()
    camp.now = NOW + DAY  # the day has come, the job has not
    with pytest.raises(Refused) as late:
        camp.join(one, "林")
    assert late.value.code == "late"
    assert (camp.points(), camp.events()) == ({"林": 100, "穷": 19}, ["challenge.opened"])


def test_a_challenge_that_nobody_joined_is_called_off_quietly():
    camp = Camp("林")
    one = camp.open()
    assert camp.pass_days() == 1
    assert (state(one), len(camp.told())) == ("cancelled", 1)


@pytest.mark.parametrize("days", [0, 1, 2.5])
def test_called_off_everybody_has_the_stake_again(days):
    camp = Camp("林", "王")
    one = camp.open()
    camp.join(one, "林", "王")
    if days:
        camp.pass_days(days)
    with pytest.raises(Refused):
        services.cancel(**camp.ids(one), by="owner", reason=" ")
    for _ in range(2):
        services.cancel(**camp.ids(one), by="owner", reason="群里改期")
    assert (camp.points(), camp.held(one), state(one)) == ({"林": 100, "王": 100}, 0, "cancelled")
    assert camp.told()[-1] == "打卡挑战“早起”取消了：群里改期。押金已退回。"
    assert camp.events().count("challenge.ended") == 1
    with pytest.raises(Refused):
        camp.prove(one, "林")
    camp.check()


def test_a_buddy_approves_rejects_and_only_once_and_staff_stand_above():
    camp = Camp("林", "王", "安")
    one = camp.open(buddies=True, need=1)
    camp.join(one, "林", "王", "安")
    camp.pass_days()
    assert camp.prove(one, "林").state == "pending"
    with pytest.raises(Refused):  # 王 looks at 林, 安 does not
        camp.judge(one, "林", approve=True, by="安")
    assert camp.judge(one, "林", approve=False, by="王").state == "rejected"
    with pytest.raises(Refused):
        camp.judge(one, "林", approve=True, by="王")
    assert camp.prove(one, "林", "重新写清楚一点").state == "pending"
    assert camp.prove(one, "林", "再来一次也没用").state == "pending"
    camp.judge(one, "林", approve=True, by="王")
    camp.prove(one, "王")
    assert camp.judge(one, "王", approve=False).state == "rejected"  # staff
    camp.prove(one, "安")  # nobody looks: it counts
    camp.pass_days(3)
    assert state(one) == "running"  # a day more for buddies
    camp.pass_days()
    assert camp.states(one) == {"林": "finished", "王": "failed", "安": "finished"}
    assert camp.points() == {"林": 110, "王": 80, "安": 110}
    with pytest.raises(Refused):
        camp.judge(one, "林", approve=False)
    camp.check()


def test_a_day_is_the_member_s_local_day_and_is_proven_once():
    camp = Camp("林")
    one = camp.open(need=3)
    camp.join(one, "林")
    camp.pass_days()
    camp.prove(one, "林")
    camp.prove(one, "林", "又写了一遍呢")
    assert services.days_done(one.pk) == {camp.people["林"].pk: 1}
    before = camp.now
    camp.now = before + 3 * DAY  # after the last day, before the job has come
    with pytest.raises(Refused) as late:
        camp.prove(one, "林")
    assert late.value.code == "late"
    assert services.days_done(one.pk) == {camp.people["林"].pk: 1}


def test_one_message_proves_one_day():
    camp = Camp("林")
    one = camp.open(need=3)
    camp.join(one, "林")
    camp.pass_days()
    seq = camp.message("林", text="今天六点起床")
    camp.prove(one, "林", seq=seq)
    camp.pass_days()
    with pytest.raises(Refused) as used:
        camp.prove(one, "林", seq=seq)
    assert used.value.code == "used"


def test_the_stake_of_who_was_erased_goes_to_the_others():
    camp = Camp("林", "王")
    one = camp.open(need=1)
    camp.join(one, "林", "王")
    camp.pass_days()
    camp.prove(one, "林")
    camp.prove(one, "王")
    Member.objects.filter(pk=camp.people["王"].pk).update(erased_at=camp.now)
    camp.pass_days(4)
    assert camp.states(one) == {"林": "finished", "王": "failed"}
    assert camp.points() == {"林": 120, "王": 80}
    camp.check()


def test_the_same_form_is_one_challenge_and_settings_are_checked():
    camp = Camp()
    assert camp.open().pk == camp.open().pk
    with pytest.raises(Refused):
        camp.open(key="other", starts_on=TODAY)
    assert Challenge.objects.count() == 1


def test_a_crowd_at_once_joins_each_once_and_settling_twice_at_once_pays_once():
    camp = Camp(*(f"m{n}" for n in range(12)))
    one = camp.open(need=1, stake=7)
    start = threading.Barrier(12)

    def both(deed):
        def run():
            try:
                start.wait()
                deed()
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    names = iter(camp.people)
    both(lambda: camp.join(one, next(names)))
    assert (len(camp.states(one)), camp.held(one)) == (12, 84)
    camp.pass_days()
    for name in list(camp.people)[:5]:
        camp.prove(one, name)
    camp.now += timedelta(days=4)
    both(lambda: services.settle(**camp.ids(one)))
    assert camp.held(one) == 0
    assert sorted(camp.points().values()) == [93] * 7 + [109] + [110] * 4
    assert camp.events().count("challenge.ended") == 1
    camp.check()
