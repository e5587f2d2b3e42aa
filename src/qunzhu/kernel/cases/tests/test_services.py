"""Cases: opened once, decided once, by those who may, and the buttons really act."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections, transaction

from qunzhu.kernel.cases.actions import ACTS
from qunzhu.kernel.cases.kinds import KINDS, URGENCIES
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.cases.services import (
    NotAllowed,
    Stale,
    UnknownAction,
    actions_for,
    add_note,
    assign_case,
    decide_case,
    open_case,
)
from qunzhu.kernel.community.models import AuditEntry
from qunzhu.kernel.community.permissions import PERMISSIONS
from qunzhu.kernel.community.tests.factories import (
    NOW,
    events_of,
    make_community,
    make_group,
    make_member,
    run,
    write,
)
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import PoisonedEvent
from qunzhu.kernel.events.runner import Batch, Consumer, raw_connection
from qunzhu.kernel.ledger.selectors import balance, check_ledger

pytestmark = pytest.mark.django_db(transaction=True)

# Somebody waits for a lock of this very session. (pg_stat_activity would be the same all through a transaction.)
BEHIND_US = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


class Desk:
    def __init__(self, blueprint=None) -> None:
        self.community = make_community(blueprint)
        self.group = make_group(self.community)
        self.lin = make_member(self.community)

    def open(self, kind: str = "rule_review", **more) -> Case:
        values = {
            "community_id": self.community.pk, "kind": kind, "key": "k", "title": "发了 3 条广告", "now": NOW,
            "group_id": self.group.pk, "member_id": self.lin.pk, **more,
        }  # fmt: skip
        with transaction.atomic():
            opened = open_case(**values)
            if opened.event:
                log.append(raw_connection(), [opened.event], now=NOW)
        return Case.objects.get(pk=opened.case_id)

    def decide(self, case: Case, action: str, user: str = "mod", role: str | None = "moderator", **more) -> Case:
        values = {"version": case.version, "note": "", "now": NOW, **more}
        return decide_case(
            community_id=self.community.pk, case_id=case.pk, action=action, user=user, role=role, **values
        )

    def effects(self) -> list[tuple]:
        rows = Effect.objects.filter(community_id=self.community.pk).order_by("created_at", "kind")
        return [(e.kind, e.group_id, e.member_id, e.payload, e.requested_by) for e in rows]


def test_every_button_acts_and_needs_a_known_permission():
    assert {(kind, a.name) for kind, k in KINDS.items() for a in k.actions} == set(ACTS)
    for kind in KINDS.values():
        assert {a.permission for a in kind.actions} <= set(PERMISSIONS)
        shortcuts = [a.shortcut for a in kind.actions]
        assert len(set(shortcuts)) == len(shortcuts)
        assert kind.deadline_hours is None or set(kind.deadline_hours) == set(URGENCIES)


def test_the_same_matter_has_one_open_case_and_may_come_again():
    desk = Desk()
    case = desk.open(urgency="orange", evidence=[7, 5])
    assert (case.evidence, case.deadline, case.version) == ([5, 7], NOW + timedelta(hours=4), 1)
    again = desk.open(evidence=[9])
    assert (again.pk, again.evidence) == (case.pk, [5, 7, 9])
    (event,) = events_of(desk.community, "case.opened")
    assert event.body == {"case": case.pk, "kind": "rule_review", "title": "发了 3 条广告", "urgency": "orange"}
    desk.decide(case, "warn")
    later = desk.open(evidence=[11])
    assert (later.pk != case.pk, later.evidence, later.state) == (True, [11], "open")


def test_deciding_writes_event_note_audit_and_effect_together():
    desk = Desk()
    case = desk.decide(desk.open(event_seq=1, payload={"minutes": 90, "rule": "ads"}), "mute", note="屡次发广告")
    until = (NOW + timedelta(minutes=90)).isoformat()
    text = "管理员核实后请你先休息 90 分钟:屡次发广告"
    assert desk.effects() == [
        ("mute", desk.group.pk, desk.lin.pk, {"until": until, "minutes": 90, "text": text}, "mod")
    ]
    effect = Effect.objects.get()
    assert (effect.rule, effect.cause_seq) == ("ads", 1)
    (decided,) = events_of(desk.community, "case.decided")
    assert (decided.group_id, decided.member_id) == (desk.group.pk, desk.lin.pk)
    assert decided.body == {
        "case": case.pk, "kind": "rule_review", "action": "mute", "by": "mod", "note": "屡次发广告", "step": "mute",
        "until": until, "sentence": text, "rule": "ads", "rulebook_version": 0, "cause_seq": 1, "evidence": [],
    }  # fmt: skip
    assert [(n.author, n.text) for n in CaseNote.objects.all()] == [("mod", "禁言:屡次发广告")]
    assert [(a.user, a.action, a.target, a.allowed) for a in AuditEntry.objects.all()] == [
        ("mod", "case.mute", f"case:{case.pk}", True)
    ]
    assert (case.state, case.decided_by, case.decided_at, case.version) == ("decided", "mod", NOW, 2)


@pytest.mark.parametrize(
    ("action", "note", "expected"),
    [
        ("warn", "", [("warn", {"text": "管理员提醒:发了 3 条广告"})]),
        ("remove", "", [("remove", {"text": "管理员核实后移出:发了 3 条广告"})]),
        ("freeze", "先停一停", [("freeze", {"text": "先停一停"})]),
        ("announce", "请勿发广告", [("announce", {"text": "请勿发广告"})]),
        ("dismiss", "", []),
    ],
)
def test_effects_of_the_buttons(action, note, expected):
    desk = Desk()
    desk.decide(desk.open(), action, note=note)
    assert [(kind, payload) for kind, _, _, payload, _ in desk.effects()] == expected


def test_two_people_at_once_one_wins_and_the_other_learns_who():
    desk = Desk()
    case = desk.open()
    outcomes: dict[str, str] = {}
    ready = threading.Barrier(2)

    def press(user: str, action: str) -> None:
        try:
            ready.wait()
            desk.decide(case, action, user=user)
            outcomes[user] = "won"
        except Stale as stale:
            outcomes[user] = str(stale)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press, args=a) for a in (("a", "warn"), ("b", "dismiss"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {"a": "b 已经处理了这个工单:不成立", "b": "a 已经处理了这个工单:警告"}
    (loser,) = [user for user, outcome in outcomes.items() if outcome != "won"]
    assert outcomes[loser] == told[loser]
    assert len(events_of(desk.community, "case.decided")) == 1
    assert len(desk.effects()) == (1 if loser == "b" else 0)


@pytest.mark.parametrize("first", ["a", "b"])
def test_who_presses_while_the_other_ones_press_is_not_committed_waits_and_is_told(first):
    """The interleaving itself: one has decided and not committed, the other's press stands in the queue behind it."""
    desk = Desk()
    case = desk.open()
    presses = {"a": "warn", "b": "dismiss"}
    second = "b" if first == "a" else "a"
    told: list[str] = []

    def press_second() -> None:
        try:
            desk.decide(case, presses[second], user=second)
        except Stale as stale:
            told.append(str(stale))
        finally:
            connections.close_all()

    thread = threading.Thread(target=press_second)
    with transaction.atomic():
        desk.decide(case, presses[first], user=first)
        thread.start()
        while not raw_connection().execute(BEHIND_US).fetchone():
            assert thread.is_alive()  # it must not have come through
    thread.join()
    label = {"a": "警告", "b": "不成立"}[first]
    assert told == [f"{first} 已经处理了这个工单:{label}"]
    assert [e.body["by"] for e in events_of(desk.community, "case.decided")] == [first]
    assert len(desk.effects()) == (1 if first == "a" else 0)
    assert list(Case.objects.values_list("state", "decided_by", "version")) == [("decided", first, 2)]


def test_who_may_not_is_refused_and_it_is_on_record():
    desk = Desk()
    case = desk.open()
    with pytest.raises(NotAllowed, match="你的角色不能“移出”"):
        desk.decide(case, "remove", role="analyst")
    with pytest.raises(NotAllowed):
        desk.decide(case, "remove", role=None)
    assert [(a.action, a.allowed) for a in AuditEntry.objects.all()] == [("case.remove", False)] * 2
    assert (desk.effects(), Case.objects.get().state) == ([], "open")
    assert actions_for(case, "analyst") == []
    names = ["warn", "mute", "remove", "freeze", "announce", "dismiss"]
    assert [a.name for a in actions_for(case, "moderator")] == names


def test_unknown_buttons_missing_text_and_old_pages_are_refused():
    desk = Desk()
    case = desk.open()
    with pytest.raises(UnknownAction, match="没有“explode”这个操作"):
        desk.decide(case, "explode")
    with pytest.raises(UnknownAction, match="“发群公告”需要先写内容"):
        desk.decide(case, "announce", note="  ")
    assign_case(community_id=desk.community.pk, case_id=case.pk, to="mod", user="boss", version=1, now=NOW)
    with pytest.raises(Stale, match="刚刚有更新"):
        desk.decide(case, "warn")
    add_note(community_id=desk.community.pk, case_id=case.pk, text=" 在看 ", user="mod", now=NOW)
    assert [n.text for n in CaseNote.objects.all()] == ["交给 mod", "在看"]
    with pytest.raises(Case.DoesNotExist):
        decide_case(
            community_id=desk.community.pk + 1, case_id=case.pk, action="warn", user="x", role="owner", version=2,
            note="", now=NOW,
        )  # fmt: skip


def filed(desk: Desk, *names: str) -> list[tuple[int, int]]:
    body = {"target": desk.lin.pk, "reason": "", "cause_seq": 1}
    members = [make_member(desk.community, name) for name in names]
    return [(write(desk.community, "report.filed", group=desk.group, member=m, **body), m.pk) for m in members]


@pytest.mark.parametrize(("blueprint", "points"), [({}, 5), ({"governance": {"points": {"ad_report_upheld": 8}}}, 8)])
def test_upholding_pays_every_reporter_once(blueprint, points):
    desk = Desk(blueprint)
    reports = filed(desk, "甲", "乙", "丙")
    case = desk.open("member_reported", event_seq=reports[-1][0], evidence=[seq for seq, _ in reports])
    desk.decide(case, "mute")
    upheld = events_of(desk.community, "report.upheld")
    assert [(e.member_id, e.body) for e in upheld] == [
        (member, {"report": seq, "by": "mod", "case": case.pk}) for seq, member in reports
    ]
    assert [(e.member_id, e.body["amount"]) for e in events_of(desk.community, "points.posted")] == [
        (member, points) for _, member in reports
    ]
    assert [balance(desk.community.pk, f"m:{member}") for _, member in reports] == [points] * 3
    late = filed(desk, "丁")
    second = desk.open("member_reported", event_seq=reports[-1][0], evidence=[seq for seq, _ in reports])
    desk.decide(second, "warn")  # a later report is settled too; the settled ones are not paid again
    assert balance(desk.community.pk, f"m:{late[0][1]}") == points
    assert balance(desk.community.pk, f"m:{reports[0][1]}") == points
    assert check_ledger(desk.community.pk) == []


def test_dismissing_says_so_and_pays_nobody():
    desk = Desk()
    reports = filed(desk, "甲", "乙", "丙")
    desk.decide(desk.open("member_reported", evidence=[seq for seq, _ in reports]), "dismiss")
    assert [e.body["report"] for e in events_of(desk.community, "report.dismissed")] == [seq for seq, _ in reports]
    assert events_of(desk.community, "report.upheld", "points.posted") == []
    assert desk.effects() == []


def test_a_false_alarm_unfreezes_and_takes_the_penalty_back():
    desk = Desk()
    seq = write(desk.community, "message.posted", group=desk.group, member=desk.lin, text="众筹", nickname="小林")
    Decision.objects.create(
        community_id=desk.community.pk, seq=seq, rule="red", rulebook_version=1, chapter="risk", occurred_at=NOW,
        group_id=desk.group.pk, member_id=desk.lin.pk, outcome="live", sentence="x",
    )  # fmt: skip
    case = desk.decide(desk.open("red_keyword", event_seq=seq, urgency="red"), "dismiss")
    (taken_back,) = events_of(desk.community, "penalty.reversed")
    assert (taken_back.member_id, taken_back.body) == (
        desk.lin.pk, {"cause_seq": seq, "rule": "red", "rulebook_version": 1, "by": "mod", "case": case.pk},
    )  # fmt: skip
    assert desk.effects() == [("unfreeze", desk.group.pk, None, {}, "mod")]


def test_removing_the_offender_opens_the_group_again():
    desk = Desk()
    desk.decide(desk.open("red_keyword"), "remove")
    assert [e[0] for e in desk.effects()] == ["remove", "unfreeze"]


def an_effect(desk: Desk, status: str) -> UUID:
    wanted = EffectRequest("mute", "e", desk.group.pk, desk.lin.pk, {"until": NOW.isoformat(), "minutes": 60}, 3, "r")
    with transaction.atomic():
        (effect,) = outbox.request(raw_connection(), desk.community.pk, [wanted], now=NOW)
    Effect.objects.filter(id=effect).update(status=status, attempts=8, last_error="boom", finished_at=NOW)
    return effect


def test_a_dead_letter_is_sent_again():
    desk = Desk()
    effect = an_effect(desk, "failed")
    desk.decide(desk.open("effect_failed", payload={"effect": str(effect)}), "retry", now=NOW + timedelta(hours=1))
    e = Effect.objects.get(id=effect)
    assert (e.status, e.attempts, e.next_attempt_at, e.last_error, e.finished_at) == (
        "pending", 0, NOW + timedelta(hours=1), "", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("action", "status", "code"), [("mark_done", "done", "confirmed"), ("cannot", "failed", "cannot")]
)
def test_a_human_task_ends_with_what_the_human_says(action, status, code):
    detail = {"code": code, "user": "mod", "note": "好了"}
    desk = Desk()
    effect = an_effect(desk, "task_created")
    case = desk.decide(desk.open("effect_task", payload={"effect": str(effect)}), action, note="好了")
    e = Effect.objects.get(id=effect)
    assert (e.status, e.detail, e.finished_at) == (status, detail, NOW)
    (done,) = events_of(desk.community, "effect.done")
    assert done.body == {
        "effect": str(effect), "kind": "mute", "result": status, "detail": detail, "cause_seq": 3, "rule": "r",
        "case": case.pk, "until": NOW.isoformat(),
    }  # fmt: skip


def test_a_task_that_the_platform_confirmed_first_is_left_alone():
    desk = Desk()
    effect = an_effect(desk, "done")
    desk.decide(desk.open("effect_task", payload={"effect": str(effect)}), "cannot")
    assert (Effect.objects.get(id=effect).status, events_of(desk.community, "effect.done")) == ("done", [])


def test_a_poisoned_event_is_taken_up_again_when_asked():
    desk = Desk()
    poison = write(desk.community, "message.posted", group=desk.group, member=desk.lin, text="poison", nickname="n")
    broken, seen = [True], []

    def handle(batch: Batch) -> None:
        if broken[0] and any(e.seq == poison for e in batch.events):
            raise ValueError("cannot digest")
        seen.extend(e.seq for e in batch.events)

    consumer = Consumer("one", handle, kinds=frozenset({"message.posted"}))
    for second in range(4):
        run(consumer, now=NOW + timedelta(seconds=second))
    first = Case.objects.get(kind="poisoned_event")
    desk.decide(first, "retry")
    run(consumer, now=NOW + timedelta(minutes=1))
    assert (seen, PoisonedEvent.objects.get().retry_asked_at) == ([], None)
    again = Case.objects.get(kind="poisoned_event", state="open")
    assert again.pk != first.pk
    broken[0] = False
    desk.decide(again, "retry")
    run(consumer, now=NOW + timedelta(minutes=2))
    assert (seen, PoisonedEvent.objects.count()) == ([poison], 0)
    run(consumer, now=NOW + timedelta(minutes=3))
    assert seen == [poison]
