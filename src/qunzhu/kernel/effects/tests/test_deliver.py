"""Effects: each once, whatever the platform can do, and what really happened is in the log."""

import random
import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.community.services import create_group
from qunzhu.kernel.connectors.local.client import LocalClient
from qunzhu.kernel.connectors.local.models import Occupant
from qunzhu.kernel.connectors.local.services import join_room, leave_room, open_room
from qunzhu.kernel.connectors.local.tests.rooms_made import NOW, Scene, make_scene
from qunzhu.kernel.connectors.port import ACTIONS, PROFILES, Outcome, Refused
from qunzhu.kernel.effects import consumer, locks, outbox
from qunzhu.kernel.effects.deliver import MAX_ATTEMPTS, Deliverer
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.effects.services import NotFailed, retry_effect
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Runner, raw_connection

pytestmark = pytest.mark.django_db(transaction=True)
UNTIL = (NOW + timedelta(hours=1)).isoformat()
PAYLOADS = {
    "warn": {"text": "请看群规", "seq": 1},
    "say": {"text": "大家好"},
    "answer": {"text": "积分 10", "to": 1, "reply_to": 1},
    "mute": {"until": UNTIL, "minutes": 60, "text": "先休息 1 小时"},
    "unmute": {},
    "remove": {},
    "readmit": {},
    "announce": {"text": "新公告"},
    "freeze": {},
    "unfreeze": {},
    "close": {},
    "reopen": {},
}


def deliverer(**kwargs) -> Deliverer:
    return Deliverer(clock=FixedClock(NOW), jitter=lambda: 1.0, **kwargs)


def ask_all(scene: Scene) -> dict[str, str]:
    """One effect of every kind about the first member, in an order in which all of them can succeed."""
    member = scene.people[0].member.pk
    seq = scene.say(member, "要撤回的话")
    scene.start = seq
    ids = {}
    own = {"recall": {"seq": seq}, "move": {"to": other_room(scene).pk, "stays": True}}
    for kind in (
        "warn", "say", "answer", "mute", "unmute", "recall", "announce", "freeze", "unfreeze", "close", "reopen",
        "move", "readmit", "remove",
    ):  # fmt: skip
        payload = own.get(kind) or PAYLOADS[kind]
        ids[kind] = scene.ask(
            kind, member=None if kind in {"say", "announce", "freeze", "close", "reopen"} else member, **payload
        )
    return ids


def other_room(scene: Scene, **fields) -> Group:
    """Another group of the same community, with its room."""
    group = create_group(community=scene.community, name="观察群", platform_id="other", now=NOW, **fields)
    open_room(group=group)
    scene.start = log.head(raw_connection(), scene.community.pk)
    return group


def statuses(ids: dict[str, str]) -> dict[str, str]:
    by_id = {str(e.id): e.status for e in Effect.objects.all()}
    return {kind: by_id[i] for kind, i in ids.items()}


def test_every_action_is_native_with_all_capabilities():
    scene = make_scene()
    ids = ask_all(scene)
    assert deliverer().run_once() == 14
    assert statuses(ids) == dict.fromkeys(ACTIONS, "done")
    member = scene.people[0].member.pk
    happened = [(e.kind, e.member_id) for e in scene.events() if e.kind != "effect.done"]
    assert happened == [
        ("message.sent", None),
        ("message.sent", None),
        ("message.sent", None),
        ("member.muted", member),
        ("message.sent", None),
        ("member.unmuted", member),
        ("message.recalled", member),
        ("group.announced", None),
        ("group.frozen", None),
        ("group.unfrozen", None),
        ("group.closed", None),
        ("group.reopened", None),
        ("member.joined", member),
        ("member.removed", member),
    ]
    done = scene.events("effect.done")
    assert [e.body["kind"] for e in done] == list(ids)
    assert done[3].body == {
        "effect": ids["mute"], "kind": "mute", "result": "done", "detail": {"code": "muted", "until": UNTIL},
        "cause_seq": 1, "rule": "flood", "until": PAYLOADS["mute"]["until"],
    }  # fmt: skip
    assert scene.occupant(member).removed_at == NOW
    scene.room.refresh_from_db()
    assert (scene.room.frozen, scene.room.announcement) == (False, "新公告")
    assert Case.objects.count() == 0
    assert deliverer().run_once() == 0


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_acts_of_one_instant_are_done_in_the_order_of_their_request(seed):
    """However the rows lie on their pages: they are written anew in another order, and the pages are cleared."""
    draw = random.Random(seed)
    scene = make_scene(slug=f"s{seed}-{Effect.objects.count()}")
    asked = [scene.ask("say", f"say-{n}", text=str(n)) for n in range(12)]
    raw = raw_connection()
    for _ in range(2):
        for effect in draw.sample(asked, 8):
            raw.execute("UPDATE effect SET last_error = last_error || 'x' WHERE id = %s", [effect])
        raw.execute("VACUUM effect")
    raw.execute("UPDATE effect SET created_at = %s WHERE community_id = %s", [NOW, scene.community.pk])
    deliverer(batch=draw.choice([1, 5, 50])).run_once()
    assert [e.body["effect"] for e in scene.events("effect.done")] == asked
    assert [e.body["text"] for e in scene.events("message.sent")] == [str(n) for n in range(12)]


def test_the_claim_reads_its_index_in_order_and_sorts_nothing():
    scene = make_scene()
    raw = raw_connection()
    raw.execute(
        "INSERT INTO effect (community_id, id, idempotency_key, kind, group_id, connector, payload, rule, requested_by,"
        " status, attempts, next_attempt_at, last_error, detail, created_at)"
        " SELECT %s, md5(n::text)::uuid, n, 'say', %s, 'local', '{}', '', '', CASE WHEN n < 9900 THEN 'done'"
        " ELSE 'pending' END, 0, %s, '', '{}', %s FROM generate_series(1, 10000) AS n",
        [scene.community.pk, scene.group.pk, NOW, NOW],
    )
    raw.execute("ANALYZE effect")
    claim = locks._CLAIM.format(which="e.connector = %s")
    plan = "\n".join(row[0] for row in raw.execute(f"EXPLAIN {claim}", [NOW, "local", 10]).fetchall())
    assert "effect_pending" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("profile", ["wecom-customer-group", "personal-wechat"])
def test_every_action_ends_as_its_profile_says(profile):
    scene = make_scene(profile=profile)
    ids = ask_all(scene)
    deliverer().run_once()
    expected = {"native": "done", "emulated": "emulated", "human": "task_created", "none": "unsupported"}
    assert statuses(ids) == {kind: expected[PROFILES[profile].how[kind]] for kind in ids}
    assert {e.body["kind"]: e.body["result"] for e in scene.events("effect.done")} == statuses(ids)
    humans = sum(1 for how in PROFILES[profile].how.values() if how == "human")
    assert Case.objects.filter(kind="effect_task").count() == humans == len(scene.events("case.opened"))
    happened = {k for k in scene.kinds() if k not in {"effect.done", "case.opened"}}
    if profile == "wecom-customer-group":
        assert happened == set()  # the server can do nothing there, and pretends nothing
    else:
        assert happened == {"message.sent", "group.announced", "member.removed"}
    assert scene.occupant(scene.people[0].member.pk).muted_until is None


def test_a_move_is_into_one_room_and_out_of_the_other():
    scene = make_scene()
    member = scene.people[0].member.pk
    there = other_room(scene)
    scene.ask("move", "m", member=member, to=there.pk, text="来坐坐", observed=True)
    deliverer().run_once()
    joined, removed, said, done = scene.events()
    assert (joined.kind, joined.group_id, joined.body["via"], joined.body["observed"]) == (
        "member.joined", there.pk, "move", True,
    )  # fmt: skip
    assert (removed.kind, removed.group_id, removed.body["moved_to"]) == ("member.removed", scene.group.pk, there.pk)
    assert (said.group_id, said.body["text"], said.body["private"]) == (there.pk, "来坐坐", True)
    assert (done.body["result"], done.body["detail"]) == (
        "done",
        {"code": "moved", "to": "观察群"},
    )
    assert scene.occupant(member).removed_at == NOW
    scene.ask("move", "again", member=member, to=there.pk)
    deliverer().run_once()
    assert scene.events("effect.done")[-1].body["detail"] == {"code": "member_gone"}
    assert Occupant.objects.filter(group_id=there.pk, removed_at=None).count() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"capacity": 0}, {"code": "target_full", "capacity": 0}), ({"state": "closed"}, {"code": "target_closed"})],
)
def test_nobody_stands_in_the_street_when_the_other_room_is_shut(changes, said):
    scene = make_scene()
    there = other_room(scene)
    Group.objects.filter(pk=there.pk).update(**changes)
    member = scene.people[0].member.pk
    scene.ask("move", "m", member=member, to=there.pk)
    deliverer().run_once()
    assert (Effect.objects.get().status, Effect.objects.get().detail) == ("failed", said)
    assert scene.occupant(member).removed_at is None
    assert scene.kinds() == ["case.opened", "effect.done"]


def test_a_human_task_has_the_exact_steps():
    scene = make_scene(profile="wecom-customer-group")
    scene.ask("mute", member=scene.people[0].member.pk, **PAYLOADS["mute"])
    deliverer().run_once()
    case = Case.objects.get()
    assert case.title == "请 成员1 暂停发言(一群)"
    assert case.summary.splitlines() == [
        "1. 企业微信客户群不能禁言单个成员,请人工提醒",
        "2. 打开企业微信,进入客户群「一群」",
        "3. 在输入框 @成员1,粘贴并发送:先休息 1 小时 请在 13:00 前暂停发言",
        "4. 到期前再次发言的,长按消息撤回,并在工单里备注",
        "5. 回到本页点「已完成」",
    ]
    assert (case.kind, case.urgency, case.evidence, case.member_id) == (
        "effect_task", "yellow", [1], scene.people[0].member.pk,
    )  # fmt: skip
    effect = Effect.objects.get()
    assert (effect.status, effect.case_id, effect.finished_at) == ("task_created", case.pk, None)


def test_braces_in_a_text_are_words_and_no_template():
    scene = make_scene(profile="wecom-customer-group")
    scene.ask("say", text="{nickname} {0} %s")
    deliverer().run_once()
    assert Case.objects.get().summary.splitlines()[1] == "2. 粘贴并发送:{nickname} {0} %s"


def test_a_removal_by_hand_confirms_the_open_task():
    from qunzhu.kernel.connectors.local import rooms
    from qunzhu.kernel.connectors.local.rooms import Act
    from qunzhu.kernel.events import log

    scene = make_scene(profile="wecom-customer-group")
    first, second = (p.member.pk for p in scene.people)
    scene.ask("remove", "r1", member=first)
    scene.ask("remove", "r2", member=second)
    deliverer().run_once()
    act = Act(scene.community.pk, scene.group.pk, f"owner:{scene.owner.member.pk}", NOW)
    with transaction.atomic():
        log.append(raw_connection(), [rooms.remove(raw_connection(), act, first)], now=NOW)
    Runner([consumer.CONSUMER], clock=FixedClock(NOW)).run_once()
    assert {e.member_id: e.status for e in Effect.objects.all()} == {first: "done", second: "task_created"}
    assert {c.member_id: (c.state, c.action) for c in Case.objects.all()} == {
        first: ("decided", "mark_done"), second: ("open", ""),
    }  # fmt: skip
    (done,) = [e for e in scene.events("effect.done") if e.body["result"] == "done"]
    assert (done.member_id, done.body["kind"]) == (first, "remove")


def test_two_deliverers_at_once_do_everything_exactly_once():
    scene = make_scene(people=3)
    for n in range(120):
        scene.ask("mute", f"m{n}", member=scene.people[n % 3].member.pk, until=UNTIL, minutes=60)
    failures: list[Exception] = []

    def work() -> None:
        try:
            deliverer(batch=7).run_once()
        except Exception as error:  # noqa: BLE001  (shown by the assertion below)
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliverer().run_once()
    assert failures == []
    assert Effect.objects.filter(status="done", attempts=1).count() == 120
    muted, done = scene.events("member.muted"), scene.events("effect.done")
    assert len(muted) == len({e.body["effect"] for e in muted}) == 120
    assert len(done) == len({e.body["effect"] for e in done}) == 120


class Flaky(LocalClient):
    """Fails for one member after it has already written."""

    def __init__(self, member: int, error: Exception) -> None:
        self.member, self.error, self.tries = member, error, 0

    def execute(self, conn, task, how, *, now):
        outcome = super().execute(conn, task, how, now=now)
        if task.member_id == self.member:
            self.tries += 1
            raise self.error
        return outcome


def test_one_bad_effect_is_undone_and_retried_and_the_others_are_not_held_up():
    scene = make_scene()
    bad, good = (p.member.pk for p in scene.people)
    scene.ask("mute", "bad", member=bad, until=UNTIL, minutes=60)
    scene.ask("mute", "good", member=good, until=UNTIL, minutes=60)
    clock = FixedClock(NOW)
    runner = Deliverer([Flaky(bad, RuntimeError("away"))], clock=clock, jitter=lambda: 1.0)
    runner.run_once()
    assert scene.occupant(bad).muted_until is None  # what it wrote before failing was undone
    assert scene.occupant(good).muted_until is not None
    waits = []
    for attempt in range(1, MAX_ATTEMPTS):
        effect = Effect.objects.get(idempotency_key="bad")
        assert (effect.status, effect.attempts, effect.last_error) == ("pending", attempt, "RuntimeError: away")
        waits.append((effect.next_attempt_at - clock.now()).total_seconds())
        clock.move_to(effect.next_attempt_at)
        runner.run_once()
    assert waits == [1, 2, 4, 8, 16]
    effect = Effect.objects.get(idempotency_key="bad")
    assert (effect.status, effect.attempts, effect.detail) == ("failed", 6, {"code": "gave_up", "attempts": 6})
    case = Case.objects.get()
    assert case.summary == "试了 6 次都没有成功"
    assert (case.kind, case.title, effect.case_id) == ("effect_failed", "动作没有成功:禁言(一群)", case.pk)
    assert [e.body["result"] for e in scene.events("effect.done")] == ["done", "failed"]


def test_a_dead_letter_can_be_tried_again():
    scene = make_scene()
    bad = scene.people[0].member.pk
    effect_id = scene.ask("mute", member=bad, until=UNTIL, minutes=60)
    Deliverer([Flaky(bad, Refused("quoted", text="不行"))], clock=FixedClock(NOW)).run_once()
    effect = Effect.objects.get()
    assert (effect.status, effect.attempts, effect.detail) == ("failed", 1, {"code": "quoted", "text": "不行"})
    retry_effect(community_id=scene.community.pk, effect_id=effect.id, now=NOW + timedelta(seconds=5))
    with pytest.raises(NotFailed):
        retry_effect(community_id=scene.community.pk, effect_id=effect.id, now=NOW)
    Deliverer(clock=FixedClock(NOW + timedelta(seconds=5))).run_once()
    assert [(e.body["effect"], e.body["result"]) for e in scene.events("effect.done")] == [
        (effect_id, "failed"), (effect_id, "done"),
    ]  # fmt: skip


def test_the_same_key_is_one_effect_and_a_malformed_request_is_an_error():
    scene = make_scene()
    member = scene.people[0].member.pk
    assert scene.ask("remove", "same", member=member) == scene.ask("remove", "same", member=member)
    assert Effect.objects.count() == 1
    bad = [
        (EffectRequest("fly", "k", scene.group.pk), "unknown effect kind 'fly'"),
        (EffectRequest("say", "k", scene.group.pk), "effect 'say' lacks text"),
        (EffectRequest("unfreeze", "k", scene.group.pk, None, {"x": 1}), "effect 'unfreeze' does not take x"),
        (EffectRequest("remove", "k", scene.group.pk), "effect 'remove' needs a member"),
    ]
    for wanted, message in bad:
        with pytest.raises(ValueError, match=message), transaction.atomic():
            outbox.request(raw_connection(), scene.community.pk, [wanted], now=NOW)
    with pytest.raises(LookupError, match=r"groups \[999\] are not of community"), transaction.atomic():
        outbox.request(raw_connection(), scene.community.pk, [EffectRequest("unfreeze", "k", 999)], now=NOW)
    assert Effect.objects.count() == 1


class Outside:
    """A platform elsewhere: acts are seen in `acts`, and not undone by a rollback."""

    name = "outside"
    transactional = False
    per_second = None

    def __init__(self) -> None:
        self.acts: list[str] = []
        self.during = None

    def prepare(self, conn, tasks):  # noqa: ARG002
        raise AssertionError("only for transactional connectors")

    def execute(self, conn, task, how, *, now):  # noqa: ARG002
        assert not conn.autocommit or conn.info.transaction_status == 0  # no transaction is open meanwhile
        self.acts.append(task.kind)
        if self.during:
            self.during()
        return Outcome("done", {"code": "said"})


def move_outside(scene: Scene) -> None:
    scene.group.connector = "outside"
    scene.group.save()


def test_a_connector_elsewhere_is_leased_and_a_second_deliverer_keeps_out():
    scene = make_scene()
    move_outside(scene)
    scene.ask("say", text="a")
    platform = Outside()
    platform.during = lambda: counted.append(Deliverer([platform], clock=FixedClock(NOW)).run_once())
    counted: list[int] = []
    Deliverer([platform], clock=FixedClock(NOW)).run_once()
    assert (platform.acts, counted) == (["say"], [0])
    effect = Effect.objects.get()
    assert (effect.status, effect.attempts) == ("done", 1)


def test_a_lease_that_ran_out_is_taken_over_and_the_late_answer_does_not_count():
    scene = make_scene()
    move_outside(scene)
    scene.ask("say", text="a")
    slow, quick = Outside(), Outside()
    later = FixedClock(NOW + timedelta(minutes=2))
    slow.during = lambda: Deliverer([quick], clock=later).run_once()
    Deliverer([slow], clock=FixedClock(NOW)).run_once()
    assert (slow.acts, quick.acts) == (["say"], ["say"])
    effect = Effect.objects.get()
    assert (effect.status, effect.attempts) == ("done", 2)
    assert len(scene.events("effect.done")) == 1


def test_the_pace_of_a_connector_is_kept_over_all_deliverers():
    scene = make_scene()
    move_outside(scene)
    for n in range(5):
        scene.ask("say", f"s{n}", text=str(n))
    platform = Outside()
    platform.per_second = 2.0
    clock = FixedClock(NOW)
    for wait, sent in ((0, 2), (0.4, 2), (0.1, 3), (1.0, 5)):
        clock.move_to(clock.now() + timedelta(seconds=wait))
        Deliverer([platform], clock=clock).run_once()
        assert len(platform.acts) == sent


def test_an_effect_of_an_unknown_connector_does_not_wait_forever():
    scene = make_scene()
    move_outside(scene)
    scene.ask("say", text="a")
    deliverer().run_once()
    effect = Effect.objects.get()
    assert (effect.status, effect.detail) == ("unsupported", {"code": "no_connector", "connector": "outside"})


def test_muting_or_removing_somebody_who_left_is_said_as_it_is():
    scene = make_scene()
    gone = scene.people[0].member.pk
    scene.occupant(gone).delete()
    scene.ask("mute", member=gone, until=UNTIL, minutes=60)
    scene.ask("remove", member=gone)
    deliverer().run_once()
    assert [(e.kind, e.status, e.detail) for e in Effect.objects.order_by("created_at", "kind")] == [
        ("mute", "unsupported", {"code": "member_gone"}), ("remove", "done", {"code": "member_gone"}),
    ]  # fmt: skip
    assert {e.kind for e in scene.events()} == {"effect.done"}


def test_a_task_about_somebody_who_left_ends_at_once_and_one_who_came_back_is_acted_on():
    scene = make_scene(profile="wecom-customer-group", people=2)
    gone, back = (p.member.pk for p in scene.people)
    for member in (gone, back):
        leave_room(room=scene.room, member_id=member, now=NOW)
    join_room(room=scene.room, nickname="又来了", now=NOW + timedelta(minutes=1), member_id=back)
    scene.start = scene.events()[-1].seq
    for kind in ("warn", "mute", "remove"):
        scene.ask(kind, f"{kind}-gone", member=gone, **PAYLOADS[kind])
        scene.ask(kind, f"{kind}-back", member=back, **PAYLOADS[kind])
    scene.ask("recall", member=gone, seq=1)  # what was said is still there to be recalled
    deliverer().run_once()
    assert {e.idempotency_key: (e.status, e.detail["code"]) for e in Effect.objects.all()} == {
        "warn-gone": ("unsupported", "member_gone"),
        "mute-gone": ("unsupported", "member_gone"),
        "remove-gone": ("done", "member_gone"),
        "warn-back": ("task_created", "handed_over"),
        "mute-back": ("task_created", "handed_over"),
        "remove-back": ("task_created", "handed_over"),
        "recall": ("task_created", "handed_over"),
    }
    assert sorted(Case.objects.values_list("member_id", "payload__kind")) == sorted(
        [(gone, "recall"), (back, "warn"), (back, "mute"), (back, "remove")]
    )
    assert Effect.objects.filter(finished_at=None).count() == 4


def test_a_leave_that_comes_while_a_task_is_made_waits_and_ends_it():
    scene = make_scene(profile="wecom-customer-group", people=1)
    (member,) = (p.member.pk for p in scene.people)
    move_outside(scene)  # where no lock on the room's seats is shared with whoever leaves
    scene.ask("mute", member=member, **PAYLOADS["mute"])
    leaver = threading.Thread(target=leave, args=(scene, member))
    with transaction.atomic():
        locks.hold_logs(raw_connection(), [scene.community.pk])  # as a deliverer that has looked does
        leaver.start()
        wait_until_blocked()
        assert Deliverer([Outside()], clock=FixedClock(NOW)).run_once() == 1
    leaver.join()
    Runner([consumer.CONSUMER], clock=FixedClock(NOW)).run_once()
    effect, case = Effect.objects.get(), Case.objects.get()
    assert (effect.status, effect.detail, case.state) == ("failed", {"code": "pointless_left"}, "decided")


def leave(scene: Scene, member: int) -> None:
    try:
        leave_room(room=scene.room, member_id=member, now=NOW)
    finally:
        connections.close_all()


def wait_until_blocked() -> None:
    """Until somebody waits for what this transaction holds."""
    while not raw_connection().execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]:
        pass
