"""The consumer `order` on PostgreSQL: what it writes and asks for, restarts, two at once, rebuild."""

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction

from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.community.models import Community, Group, Member
from qunzhu.kernel.community.tests.factories import (
    NOW,
    assert_rebuild_equals,
    events_of,
    make_community,
    make_group,
    make_member,
    run,
    write,
)
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.clearance_service import end_clearance, grant_clearance
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.engine.tests.workplace import workplace
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import ConsumerCursor, EngineState, PoisonedEvent
from qunzhu.kernel.events.runner import Consumer, Runner, raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.text.keywords import Word
from qunzhu.risk.consumer import CONSUMER, forget
from qunzhu.risk.services import change_keywords
from qunzhu.risk.state import _libraries, digest_of

pytestmark = pytest.mark.django_db(transaction=True)
AD = "限时优惠券 https://t.cn/abc"


class Place:
    """A community with the workplace rules, one group and a few members."""

    def __init__(self) -> None:
        self.community: Community = make_community()
        self.group: Group = make_group(self.community)
        self.members: list[Member] = [make_member(self.community, f"成员{n}") for n in range(6)]
        book = workplace()
        publish_rulebook(
            community_id=self.community.pk, rules=book["rules"], settings=book["settings"], by="t", now=NOW
        )
        change_keywords(community_id=self.community.pk, added=[Word("募集资金", "fundraising", "red")], by="t", now=NOW)

    def post(self, text: str = "大家好", *, member: int = 0, minutes: float = 0, historic: bool = False) -> int:
        return write(
            self.community,
            "message.posted",
            group=self.group,
            member=self.members[member],
            at=NOW + timedelta(minutes=minutes),
            historic=historic,
            text=text,
            type="text",
            nickname=f"成员{member}",
            platform_id="x",
        )

    def report(self, reporter: int, target: int) -> int:
        return write(
            self.community,
            "report.filed",
            group=self.group,
            member=self.members[reporter],
            target=self.members[target].pk,
            reason="广告",
            cause_seq=1,
        )

    def staff(self, member: int, role: str | None) -> None:
        body = {"member": self.members[member].pk, "role": role, "user": "u", "by": "t"}
        name = event_id("test", "staff", log.head(raw_connection(), self.community.pk))
        with transaction.atomic():
            log.append(raw_connection(), [NewEvent(self.community.pk, name, "staff.changed", NOW, body)], now=NOW)

    def decisions(self) -> list[tuple[int, str, str]]:
        found = Decision.objects.filter(community_id=self.community.pk).order_by("seq", "rule")
        return [(d.seq, d.rule, d.outcome) for d in found]

    def effects(self) -> list[tuple[str, int | None, str]]:
        found = Effect.objects.filter(community_id=self.community.pk).order_by("cause_seq", "kind")
        return [(e.kind, e.cause_seq, e.idempotency_key) for e in found]


@pytest.fixture
def place() -> Place:
    return Place()


def test_the_sixth_message_is_warned_and_everything_about_it_is_written(place):
    for n in range(5):
        place.post(minutes=n)
    seq = place.post(minutes=5)
    run(CONSUMER)
    sentence = "成员0，今天已发 6 条（群规 2.1，上限 5 条），先提醒一次。觉得不对？请联系管理员。"
    (row,) = Decision.objects.filter(community_id=place.community.pk)
    assert (row.seq, row.rule, row.rulebook_version, row.outcome, row.sentence, row.strike) == (
        seq, "daily_cap", 1, "live", sentence, False,
    )  # fmt: skip
    (effect,) = Effect.objects.filter(community_id=place.community.pk)
    assert (effect.kind, effect.group_id, effect.member_id, effect.payload, effect.rule, effect.idempotency_key) == (
        "warn", place.group.pk, place.members[0].pk, {"text": sentence, "seq": seq}, "daily_cap",
        f"order:{seq}:daily_cap:warn",
    )  # fmt: skip
    (made,) = events_of(place.community, "decision.made")
    assert made.body == {
        "rule": "daily_cap",
        "rulebook_version": 1,
        "chapter": "governance",
        "level": "",
        "cause_seq": seq,
        "outcome": "live",
        "strike": False,
        "sentence": sentence,
        "facts": {"window.count": 6},
        "evidence": list(range(seq - 5, seq + 1)),
        "effects": [{"kind": "warn", "text": sentence, "seq": seq}],
        "step": "warn",
    }
    assert (made.member_id, made.group_id, made.occurred_at) == (
        place.members[0].pk, place.group.pk, NOW + timedelta(minutes=5),
    )  # fmt: skip
    assert Case.objects.count() == 0


def test_three_reporters_open_one_case_and_the_fourth_adds_evidence(place):
    seqs = [place.report(n, target=5) for n in (1, 2, 3)]
    run(CONSUMER)
    case = Case.objects.get()
    assert (case.kind, case.urgency, case.member_id, case.event_seq, case.evidence) == (
        "member_reported", "orange", place.members[5].pk, seqs[2], seqs,
    )  # fmt: skip
    assert [e.body["case"] for e in events_of(place.community, "case.opened")] == [case.pk]
    fourth = place.report(4, target=5)
    run(CONSUMER)
    case.refresh_from_db()
    assert (Case.objects.count(), case.evidence) == (1, [*seqs, fourth])


def test_a_red_keyword_freezes_and_asks_a_human(place):
    seq = place.post("一起募集資金")
    run(CONSUMER)
    assert place.decisions() == [(seq, "red_keyword", "live")]
    assert place.effects() == [
        ("freeze", seq, f"order:{seq}:red_keyword:freeze"),
        ("recall", seq, f"order:{seq}:red_keyword:recall"),
    ]
    assert Case.objects.get().kind == "red_keyword"


def test_imported_history_is_judged_without_any_effect(place):
    seqs = [place.post(AD, historic=True) for _ in range(2)]
    seqs.append(place.post("募集资金", historic=True))
    run(CONSUMER)
    assert place.decisions() == [
        (seqs[0], "ad_without_clearance", "historic"),
        (seqs[1], "ad_without_clearance", "historic"),
        (seqs[2], "red_keyword", "historic"),
    ]
    assert (place.effects(), Case.objects.count()) == ([], 0)
    assert all(e.historic for e in events_of(place.community, "decision.made"))


def test_clearances_begin_and_end(place):
    until = NOW + timedelta(hours=1)
    granted = grant_clearance(
        community_id=place.community.pk, member=place.members[0].pk, until=until, by="t", now=NOW, link="t.cn/abc"
    )
    first = place.post(AD)
    run(CONSUMER)
    end_clearance(community_id=place.community.pk, granted=granted, by="t", now=NOW)
    second = place.post(AD)
    run(CONSUMER)
    assert place.decisions() == [
        (first, "ad_without_clearance", "cleared"),
        (second, "ad_without_clearance", "live"),
    ]
    with pytest.raises(ValueError, match="已经过去"):
        grant_clearance(community_id=place.community.pk, member=1, until=NOW, by="t", now=NOW)


def test_keywords_are_replaced_and_removed_at_their_place_in_the_log(place):
    first = place.post("募集资金")
    change_keywords(community_id=place.community.pk, removed=["募集资金"], by="t", now=NOW)
    place.post("募集资金", member=1)
    change_keywords(community_id=place.community.pk, added=[Word("众筹", "fundraising")], by="t", now=NOW)
    third = place.post("众筹", member=2)
    run(CONSUMER)
    assert place.decisions() == [(first, "red_keyword", "live"), (third, "red_keyword", "live")]


def test_fifty_thousand_keywords_take_ten_events_and_are_found_again_after_a_restart(place):
    words = [Word(f"词{n:05d}甲", "fraud") for n in range(50_000)]
    assert change_keywords(community_id=place.community.pk, added=words, by="t", now=NOW) == 10
    run(CONSUMER)
    forget(place.community.pk)
    seq = place.post("这里有词49999甲")
    run(CONSUMER)
    assert place.decisions() == [(seq, "red_keyword", "live")]


def test_fifty_thousand_new_words_judge_every_message_after_them_and_none_before(place):
    words = [Word(f"词{n:05d}甲", "fraud") for n in range(50_000)]
    place.post("这里有词49999甲")
    change_keywords(community_id=place.community.pk, added=words, by="t", now=NOW)
    after = [
        place.post(text, member=n)
        for n, text in enumerate(["有词00000甲", "有词*4*9*9*9*9*甲", "没有", "词４９９９９甲"])
    ]
    run(CONSUMER)
    assert place.decisions() == [(after[n], "red_keyword", "live") for n in (0, 1, 3)]


def test_words_are_made_an_automaton_by_whoever_reads_the_next_message(place):
    """Another process may do that: one that only folds the change must not make what nobody uses."""
    change_keywords(community_id=place.community.pk, added=[Word("众筹一号", "fundraising")], by="t", now=NOW)
    run(CONSUMER)
    raw = raw_connection().execute("SELECT data FROM engine_state WHERE subject = 'c:words'").fetchone()
    assert digest_of(bytes(raw[0])) not in _libraries
    seq = place.post("众筹一号")
    run(CONSUMER)
    assert digest_of(bytes(raw[0])) in _libraries
    assert place.decisions() == [(seq, "red_keyword", "live")]


def write_a_day(place: Place, seed: int) -> None:
    """A day with everything in it, in random order."""
    draw = random.Random(seed)
    for n in range(220):
        act = draw.choice(["post"] * 6 + ["ad", "link", "report", "red", "clear", "history", "staff", "reverse"])
        member = draw.randrange(6)
        if act == "post":
            place.post(member=member, minutes=n)
        elif act == "ad":
            place.post(AD, member=member, minutes=n)
        elif act == "link":
            place.post("看 https://example.com/a", member=member, minutes=n)
        elif act == "report":
            place.report(member, target=draw.randrange(6))
        elif act == "red":
            place.post("募集资金", member=member, minutes=n)
        elif act == "clear":
            until = NOW + timedelta(minutes=n + 20)
            grant_clearance(
                community_id=place.community.pk, member=place.members[member].pk, until=until, by="t", now=NOW
            )
        elif act == "history":
            place.post(AD, member=member, minutes=-n, historic=True)
        elif act == "staff":
            place.staff(member, draw.choice([None, "moderator"]))
        else:
            _reverse_last(place)


def _reverse_last(place: Place) -> None:
    seq = events_of(place.community, "message.posted")[-1:]
    for event in seq:
        member = Member.objects.get(pk=event.member_id)
        write(
            place.community, "penalty.reversed", group=place.group, member=member, cause_seq=event.seq, rule="x", by="t"
        )


def tables(place: Place) -> dict[str, Any]:
    """All that the consumer wrote, and the effects and case keys it asked for; ids of this place made relative."""
    own = {"community_id": place.community.pk}
    return {
        "state": [(s.subject, bytes(s.data)) for s in EngineState.objects.filter(**own).order_by("subject")],
        "decisions": list(
            Decision.objects.filter(**own)
            .order_by("seq", "rule")
            .values_list("seq", "rule", "outcome", "yielded_to", "sentence", "strike", "facts", "evidence")
        ),
        "effects": place.effects(),
        "cases": sorted(Case.objects.filter(**own).values_list("key", "kind", "urgency")),
    }


def small(batch: int) -> Consumer:
    return Consumer(CONSUMER.name, CONSUMER.handle, CONSUMER.kinds, CONSUMER.tables, batch, CONSUMER.forget)


def test_batches_restarts_and_two_runners_at_once_give_what_one_run_gives(place):
    write_a_day(place, seed=1)
    run(CONSUMER)
    expected = tables(place)
    assert len(expected["decisions"]) > 40
    assert {o for _, _, o, *_ in expected["decisions"]} == {
        "live", "yielded", "historic", "cleared", "exempt",
    }  # fmt: skip
    assert PoisonedEvent.objects.count() == 0
    assert_rebuild_equals(place.community, CONSUMER)
    assert_rebuild_equals(place.community, small(7))
    for way in (_restarting, _two_at_once):
        _start_over(place)
        way()
        assert tables(place) == expected


def _start_over(place: Place) -> None:
    """As if the consumer had never run; its own events stay in the log and are appended again as duplicates."""
    own = {"community_id": place.community.pk}
    for table in (Decision, EngineState, Effect, CaseNote, Case):
        table.objects.filter(**own).delete()
    ConsumerCursor.objects.filter(**own).update(seq=0)
    forget(place.community.pk)


def _restarting() -> None:
    """A new process after every few batches."""
    moved = True
    while moved:
        runner = Runner([small(9)], clock=FixedClock(NOW))
        moved = any([runner.step(), runner.step()])


def _two_at_once() -> None:
    def work() -> None:
        try:
            Runner([small(5)], clock=FixedClock(NOW)).run_once()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run(CONSUMER)


def test_a_batch_that_was_rolled_back_leaves_nothing_in_memory(place):
    for n in range(4):
        place.post(minutes=n)
    failing = [True]

    def handle(batch: Any) -> None:
        CONSUMER.handle(batch)
        if failing[0]:
            raise ValueError("boom")

    consumer = Consumer(CONSUMER.name, handle, CONSUMER.kinds, CONSUMER.tables, forget=CONSUMER.forget)
    runner = run(consumer)
    failing[0] = False
    place.post(minutes=4)
    runner.clock = FixedClock(NOW + timedelta(seconds=1))
    runner.run_once()
    assert place.decisions() == []
    seq = place.post(minutes=5)
    runner.run_once()
    assert place.decisions() == [(seq, "daily_cap", "live")]
