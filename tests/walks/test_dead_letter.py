"""An act that the platform keeps refusing: six tries, then a case; its button makes the letter a letter again."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events.runner import raw_connection

pytestmark = pytest.mark.django_db(transaction=True)

MUTED = "阿强，同一链接 1 小时内已发 6 次（群规 2.3，上限 5 次），先休息 1 小时，13:00 恢复。觉得不对？发“申诉 原因”。"


@contextmanager
def platform_down() -> Iterator[None]:
    """The rooms' own table refuses mutes, as a broken platform would."""
    raw = raw_connection()
    raw.execute(
        "CREATE FUNCTION platform_down() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the platform is down'; END $$"
    )
    raw.execute(
        "CREATE TRIGGER platform_down BEFORE UPDATE OF muted_until ON local_occupant"
        " FOR EACH ROW EXECUTE FUNCTION platform_down()"
    )
    try:
        yield
    finally:
        raw_connection().execute("DROP FUNCTION platform_down() CASCADE")


def six_links(world):
    world.join("阿强", "小美")
    for _ in range(6):
        world.say("阿强", "https://a.example.com/x")
    world.settle()
    assert len(world.log()) == 8  # six messages and two decisions: nothing went out


def exhaust(world):
    """All further tries, each when its wait of 1, 2, 4, 8, 16 seconds is over and not before."""
    for attempts, wait in enumerate((1, 2, 4, 8, 16), 1):
        effect = Effect.objects.get(kind="mute")
        assert (effect.status, effect.attempts) == ("pending", attempts)
        assert effect.last_error.startswith("RaiseException: the platform is down")
        world.later(seconds=wait - 0.001)
        world.settle()
        assert world.log() == []
        world.later(seconds=0.001)
        world.settle()


def test_six_tries_a_case_and_a_retry_that_works(world):
    with platform_down():
        six_links(world)
        # Others are not held up by it.
        world.say("小美", "签到")
        world.settle()
        assert world.log()[-1] == "effect.done 小美 answer done: 已发到群里"
        exhaust(world)
    assert world.log() == [
        "case.opened 阿强 effect_failed orange: 动作没有成功:禁言(职场知识分享 1 群)",
        "effect.done 阿强 mute failed: 试了 6 次都没有成功",
    ]
    case = Case.objects.get()
    assert (case.summary, case.payload["kind"]) == ("试了 6 次都没有成功", "mute")
    assert "the platform is down" in world.console(f"cases/{case.pk}/")
    world.say("阿强", "没人管我")  # not muted, and nothing pretends so
    world.settle()
    world.log()

    world.decide("effect_failed", "retry")
    world.settle()
    assert world.log() == [
        "case.decided 阿强 effect_failed retry by owner",
        "member.muted 阿强 until 2026-11-24T05:00:00+00:00 by qunzhu",
        f"message.sent warn @阿强: {MUTED}",
        "effect.done 阿强 mute done: 已禁言到 13:00",
    ]
    assert world.try_say("阿强", "?")[1]["error"] == "muted"


def test_a_retry_that_comes_too_late_mutes_nobody(world):
    with platform_down():
        six_links(world)
        exhaust(world)
    world.log()
    world.later(hours=2)
    world.decide("effect_failed", "retry")
    world.settle()
    assert world.log() == [
        "case.decided 阿强 effect_failed retry by owner",
        "effect.done 阿强 mute unsupported: 禁言的时间已经过去",
    ]
    world.say("阿强", "好的")
