"""The queue: taken, handed over, raised by time, merged, decided many at once, undone; and who is first wins."""

from datetime import timedelta
from itertools import permutations

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction

from qunzhu.governance.consumer import CONSUMER as GOVERNANCE
from qunzhu.governance.models import Penalty
from qunzhu.kernel.cases.escalation import escalate, give_back_of_the_gone
from qunzhu.kernel.cases.many import Chosen, TooMany, decide_many, preview_many
from qunzhu.kernel.cases.merging import CannotMerge, merge_case
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.cases.services import CaseError, NotAllowed, Stale, assign_case, decide_case, open_case
from qunzhu.kernel.cases.tests.test_two_person import at_once
from qunzhu.kernel.cases.undo import CannotUndo, undo_decision, undo_until
from qunzhu.kernel.community.models import AuditEntry
from qunzhu.kernel.community.services import set_staff
from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community, make_group, make_member, run
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


class Queue:
    def __init__(self, **cases) -> None:
        self.community = make_community({"governance": {"cases": cases}})
        self.group = make_group(self.community)
        self.lin = make_member(self.community)
        self.made = 0

    def open(self, kind: str = "rule_review", **more) -> Case:
        self.made += 1
        values = {
            "community_id": self.community.pk, "kind": kind, "key": f"k{self.made}", "title": f"事 {self.made}",
            "group_id": self.group.pk, "member_id": self.lin.pk, "now": NOW, **more,
        }  # fmt: skip
        with transaction.atomic():
            opened = open_case(**values)
            if opened.event:
                log.append(raw_connection(), [opened.event], now=NOW)
        return Case.objects.get(pk=opened.case_id)

    def assign(self, case: Case, to: str, user: str, *, note: str = "", now=NOW) -> Case:
        return assign_case(
            community_id=self.community.pk, case_id=case.pk, to=to, user=user, version=case.version, note=note, now=now
        )

    def decide(self, case: Case, action: str, user: str = "a", *, now=NOW, role: str = "moderator") -> Case:
        return decide_case(
            community_id=self.community.pk, case_id=case.pk, action=action, user=user, role=role,
            version=case.version, now=now,
        )  # fmt: skip

    def undo(self, case: Case, user: str = "a", *, now=NOW, role: str | None = "moderator") -> Case:
        return undo_decision(
            community_id=self.community.pk, case_id=case.pk, user=user, role=role, version=case.version, now=now
        )

    def merge(self, case: Case, into: Case, user: str = "a") -> Case:
        return merge_case(
            community_id=self.community.pk, case_id=case.pk, version=case.version, into_id=into.pk, user=user, now=NOW
        )

    def notes(self, case: Case) -> list[tuple[str, str]]:
        return list(CaseNote.objects.filter(case=case).order_by("pk").values_list("author", "text"))


def test_taking_handing_over_and_giving_back_are_on_record():
    queue = Queue()
    case = queue.open(urgency="orange")
    assert case.escalate_at == NOW + 30 * MINUTE  # nobody holds it
    case = queue.assign(case, "a", "a")
    assert case.escalate_at == case.deadline == NOW + timedelta(hours=4)
    case = queue.assign(case, "b", "a", note=" 我要下班了 ")
    case = queue.assign(case, "", "b", now=NOW + 10 * MINUTE)
    assert (case.assigned_to, case.escalate_at, case.version) == ("", NOW + 40 * MINUTE, 4)
    assert queue.notes(case) == [("a", "接下"), ("a", "交给 b:我要下班了"), ("b", "放回待处理")]
    assert [e.body for e in events_of(queue.community, "case.assigned")] == [
        {"case": case.pk, "kind": "rule_review", "from": "", "to": "a", "by": "a", "note": ""},
        {"case": case.pk, "kind": "rule_review", "from": "a", "to": "b", "by": "a", "note": "我要下班了"},
        {"case": case.pk, "kind": "rule_review", "from": "b", "to": "", "by": "b", "note": ""},
    ]
    assert list(AuditEntry.objects.order_by("pk").values_list("user", "action")) == [
        ("a", "case.assign"), ("a", "case.assign"), ("b", "case.assign"),
    ]  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(["take", "hand over", "decide", "merge"])))
def test_of_four_who_saw_the_same_case_the_first_wins_in_every_order(order):
    queue = Queue()
    case, other = queue.open(), queue.open()
    acts = {
        "take": lambda: queue.assign(case, "a", "a"),
        "hand over": lambda: queue.assign(case, "c", "b"),
        "decide": lambda: queue.decide(case, "warn", "c"),
        "merge": lambda: queue.merge(case, other, "d"),
    }
    won = []
    for name in order:
        try:
            acts[name]()
        except Stale:
            continue
        won.append(name)
    assert won == [order[0]]
    kind = {"take": "case.assigned", "hand over": "case.assigned", "decide": "case.decided", "merge": "case.merged"}
    said = events_of(queue.community, "case.assigned", "case.decided", "case.merged")
    assert [e.kind for e in said] == [kind[order[0]]]
    assert Effect.objects.count() == (order[0] == "decide")
    assert AuditEntry.objects.count() == 1


def test_taking_at_once_one_holds_it():
    queue = Queue()
    case = queue.open()
    assert at_once(lambda: queue.assign(case, "a", "a"), lambda: queue.assign(case, "b", "b")) == ["Stale", "open"]
    assert len(events_of(queue.community, "case.assigned")) == 1


def test_time_raises_what_nobody_took_then_what_is_late_and_stops_at_the_owner():
    queue = Queue()
    case = queue.open()  # grey: taken within a day, decided within three
    day = timedelta(days=1)
    assert escalate(now=NOW + day - MINUTE) == 0
    assert (escalate(now=NOW + day), escalate(now=NOW + day)) == (1, 0)
    case.refresh_from_db()
    assert (case.urgency, case.asked, case.escalate_at) == ("yellow", "manager", NOW + day + 240 * MINUTE)
    case = queue.assign(case, "a", "a", now=NOW + day)
    assert case.escalate_at == case.deadline == NOW + 3 * day
    assert escalate(now=NOW + 3 * day) == 1
    case.refresh_from_db()
    assert (case.urgency, case.asked, case.escalate_at, case.deadline) == ("orange", "owner", None, NOW + 3 * day)
    assert escalate(now=NOW + 9 * day) == 0
    assert [e.body for e in events_of(queue.community, "case.escalated")] == [
        {"case": case.pk, "kind": "rule_review", "urgency": "yellow", "asked": "manager", "why": "untaken"},
        {"case": case.pk, "kind": "rule_review", "urgency": "orange", "asked": "owner", "why": "late"},
    ]
    assert queue.notes(case) == [
        ("qunzhu", "没有人接,提高到黄色,请运营主管处理"),
        ("a", "接下"),
        ("qunzhu", "超过处理期限,提高到橙色,请群主处理"),
    ]
    with pytest.raises(Stale):
        queue.decide(Case(pk=case.pk, version=3), "warn")  # the page from before it was raised


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("off", ("grey", "")),
        ("urgency", ("yellow", "")),
        ("role", ("grey", "manager")),
        ("both", ("yellow", "manager")),
    ],
)
def test_how_a_case_is_raised_is_a_setting(setting, expected):
    queue = Queue(escalate=setting, take_within={"grey": 5})
    case = queue.open()
    assert escalate(now=NOW + 5 * MINUTE) == (setting != "off")
    case.refresh_from_db()
    assert (case.urgency, case.asked) == expected


def test_deadlines_are_settings():
    queue = Queue(yellow_within=7, grey_within=9)
    queue.community.blueprint["risk"] = {"red": {"decide_within": 2}, "orange": {"decide_within": 3}}
    queue.community.save()
    hours = {
        u: (queue.open(urgency=u).deadline - NOW) // timedelta(hours=1) for u in ("red", "orange", "yellow", "grey")
    }
    assert hours == {"red": 2, "orange": 3, "yellow": 7, "grey": 9}


def test_what_a_colleague_held_who_left_is_free_again():
    queue = Queue()
    users = {name: get_user_model().objects.create(username=name) for name in ("a", "b", "boss")}
    set_staff(community=queue.community, user=users["boss"], role="owner", by="t", now=NOW)
    for name in ("a", "b"):
        set_staff(community=queue.community, user=users[name], role="moderator", by="t", now=NOW)
    kept, free = queue.assign(queue.open(), "b", "b"), queue.assign(queue.open(), "a", "a")
    assert give_back_of_the_gone(now=NOW) == 0
    set_staff(community=queue.community, user=users["a"], role="analyst", by="t", now=NOW)
    assert (give_back_of_the_gone(now=NOW), give_back_of_the_gone(now=NOW)) == (1, 0)
    assert list(Case.objects.order_by("pk").values_list("assigned_to", flat=True)) == ["b", ""]
    assert queue.notes(free)[-1] == ("qunzhu", "放回待处理:a 已不能处理工单")
    assert len(queue.notes(kept)) == 1


def test_new_evidence_of_the_same_matter_is_told_in_the_history():
    queue = Queue()
    case = queue.open(key="same", evidence=[5])
    assert queue.open(key="same", evidence=[5, 7, 9]).evidence == [5, 7, 9]
    queue.open(key="same", evidence=[9])
    assert queue.notes(case) == [("qunzhu", "又有 2 条证据")]


def test_merging_keeps_the_evidence_the_urgency_and_the_nearer_deadline():
    queue = Queue()
    case = queue.open(event_seq=3, evidence=[3, 8], urgency="orange")
    into = queue.open(evidence=[8, 9])
    after = queue.merge(case, into)
    assert (after.pk, after.evidence, after.urgency, after.deadline) == (into.pk, [3, 8, 9], "orange", case.deadline)
    case.refresh_from_db()
    assert (case.state, case.merged_into, case.decided_by, case.action) == ("merged", into.pk, "a", "")
    assert [e.body for e in events_of(queue.community, "case.merged")] == [
        {"case": case.pk, "kind": "rule_review", "into": into.pk, "evidence": [3], "by": "a"}
    ]
    assert (queue.notes(case), queue.notes(into)) == (
        [("a", f"并入 #{into.pk}")], [("a", f"并入了 #{case.pk}“事 1”的 1 条证据")],
    )  # fmt: skip
    with pytest.raises(Stale, match=f"a 已把这个工单并入 #{into.pk}"):
        queue.decide(case, "warn")
    assert events_of(queue.community, "case.decided") == []


def test_what_is_not_the_same_matter_is_not_merged():
    queue = Queue()
    case = queue.open()
    other_member = queue.open(member_id=make_member(queue.community, "小王").pk)
    other_kind, task = queue.open("member_reported"), queue.open("effect_task")
    for into in (case, other_member, other_kind):
        with pytest.raises(CannotMerge):
            queue.merge(case, into)
    with pytest.raises(CannotMerge, match="各有要做的事"):
        queue.merge(task, queue.open("effect_task"))
    with pytest.raises(Case.DoesNotExist):
        queue.merge(case, Queue().open())
    assert (Case.objects.filter(state="merged").count(), AuditEntry.objects.count()) == (0, 0)


def chosen(*cases: Case) -> list[Chosen]:
    return [Chosen(case.pk, case.version) for case in cases]


def test_many_at_once_each_gets_its_own_answer():
    queue = Queue()
    fine, touched, task = queue.open(), queue.open(), queue.open("effect_task")
    stranger = Queue().open()
    queue.assign(touched, "b", "b")
    picked = [*chosen(fine, touched, task), Chosen(stranger.pk, 1)]
    common = {
        "community_id": queue.community.pk, "action": "warn", "user": "a", "role": "moderator", "note": "别刷屏",
        "now": NOW,
    }  # fmt: skip
    before = [(r.case_id, r.ended) for r in preview_many(chosen=picked, **common)]
    assert Effect.objects.count() == 0
    after = [(r.case_id, r.ended) for r in decide_many(chosen=picked, **common)]
    expected = [(fine.pk, "done"), (touched.pk, "first"), (task.pk, "impossible"), (stranger.pk, "gone")]
    assert before == after == expected
    assert [(e.kind, e.payload["text"]) for e in Effect.objects.all()] == [("warn", "管理员提醒:别刷屏")]
    states = Case.objects.filter(community_id=queue.community.pk).order_by("pk").values_list("state", flat=True)
    assert list(states) == ["decided", "open", "open"]
    assert [r.ended for r in decide_many(chosen=picked, **{**common, "role": "analyst"})] == [
        "first", "first", "impossible", "gone",
    ]  # fmt: skip


def test_many_at_once_under_the_two_person_rule_are_proposed():
    queue = Queue()
    queue.community.blueprint["governance"]["two_person_rule"] = ["remove_all"]
    queue.community.save()
    for name in ("a", "b"):
        user = get_user_model().objects.create(username=name)
        set_staff(community=queue.community, user=user, role="moderator", by="t", now=NOW)
    case = queue.open(group_id=None)
    common = {"community_id": queue.community.pk, "action": "remove", "role": "moderator", "note": "", "now": NOW}
    for ended, user in (("proposed", "a"), ("second", "a"), ("done", "b")):
        case.refresh_from_db()
        assert [r.ended for r in preview_many(chosen=chosen(case), user=user, **common)] == [ended]
        assert [r.ended for r in decide_many(chosen=chosen(case), user=user, **common)] == [ended]
    assert len(events_of(queue.community, "case.decided")) == 1


def test_more_than_the_cap_is_refused_before_anything_happens():
    queue = Queue(bulk_at_most=2)
    picked = chosen(queue.open(), queue.open(), queue.open())
    common = {
        "community_id": queue.community.pk, "action": "warn", "user": "a", "role": "owner", "note": "", "now": NOW,
    }  # fmt: skip
    for ask in (preview_many, decide_many):
        with pytest.raises(TooMany, match="选了 3 个,一次最多 2 个"):
            ask(chosen=picked, **common)
    assert (Effect.objects.count(), AuditEntry.objects.count()) == (0, 0)


def test_a_mute_is_undone_and_its_penalty_reversed():
    queue = Queue()
    case = queue.decide(queue.open(), "mute")
    run(GOVERNANCE)
    assert undo_until(case) == NOW + 30 * MINUTE
    case = queue.undo(case, "b", now=NOW + MINUTE)
    assert (case.state, case.action, case.decided_by, case.decided_at, case.version) == ("open", "", "", None, 3)
    run(GOVERNANCE, now=NOW + MINUTE)
    penalty = Penalty.objects.get()
    assert (penalty.step, penalty.reversed_by, penalty.reversed_at) == ("mute", "b", NOW + MINUTE)
    assert [e.kind for e in Effect.objects.order_by("created_at")] == ["mute", "unmute"]
    assert [e.kind for e in events_of(queue.community, "case.decided", "penalty.reversed", "case.reopened")] == [
        "case.decided", "penalty.reversed", "case.reopened",
    ]  # fmt: skip
    assert queue.notes(case)[-1] == ("b", "撤销了“禁言”,重新待处理")
    again = queue.decide(case, "mute")  # the same button once more is another act
    assert (again.state, Effect.objects.filter(kind="mute").count()) == ("decided", 2)


@pytest.mark.parametrize(
    ("kind", "action", "inverse"), [("rule_review", "freeze", "unfreeze"), ("red_keyword", "unfreeze", "freeze")]
)
def test_a_freeze_is_undone_by_its_opposite(kind, action, inverse):
    queue = Queue()
    queue.undo(queue.decide(queue.open(kind), action))
    assert [e.kind for e in Effect.objects.order_by("created_at", "kind")] == sorted([action, inverse])


def test_what_cannot_be_undone_is_refused_and_changes_nothing():
    queue = Queue()
    muted = queue.decide(queue.open(key="k"), "mute")
    warned, reported = queue.decide(queue.open(), "warn"), queue.decide(queue.open("member_reported"), "mute")
    for case in (warned, reported):
        assert undo_until(case) is None
        with pytest.raises(CannotUndo, match="不能撤销"):
            queue.undo(case)
    with pytest.raises(CannotUndo, match="超过了可以撤销的时间"):
        queue.undo(muted, now=NOW + 30 * MINUTE)
    for role in ("analyst", None):
        with pytest.raises(NotAllowed):
            queue.undo(muted, role=role)
    with pytest.raises(Stale):
        queue.undo(Case(pk=muted.pk, version=1))
    queue.open(key="k")
    with pytest.raises(CannotUndo, match="已经有新的工单"):
        queue.undo(muted)
    assert Effect.objects.filter(kind="unmute").count() == 0
    assert events_of(queue.community, "case.reopened", "penalty.reversed") == []
    assert AuditEntry.objects.filter(action="case.undo", allowed=False).count() == 2


def test_undoing_twice_at_once_is_once():
    queue = Queue()
    case = queue.decide(queue.open(), "mute")
    assert at_once(lambda: queue.undo(case, "a"), lambda: queue.undo(case, "b")) == ["Stale", "open"]
    assert (len(events_of(queue.community, "case.reopened")), Effect.objects.filter(kind="unmute").count()) == (1, 1)


def test_every_refusal_is_a_sentence_for_a_person():
    assert {Stale, NotAllowed, CannotMerge, CannotUndo, TooMany} <= {
        one for kind in CaseError.__subclasses__() for one in (kind, *kind.__subclasses__())
    }
