"""On WeCom the server may do nothing in a customer group: a human gets the exact steps, and what he does is noticed."""

import pytest

from qunzhu.config.metrics import GAUGES
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.connectors.local.services import set_profile
from qunzhu.kernel.events.runner import raw_connection

pytestmark = pytest.mark.django_db(transaction=True)

TAIL = "觉得不对？发“申诉 原因”。"
MUTED = "阿强，同一链接 1 小时内已发 6 次（群规 2.3，上限 5 次），先休息 1 小时，13:00 恢复。" + TAIL
GROUP = "职场知识分享 1 群"


@pytest.fixture
def wecom(world):
    world.join("阿强", "小美")
    world.join("群主", role="owner")
    set_profile(group=world.groups[0], profile="wecom-customer-group")
    return world


def open_task():
    return Case.objects.get(kind="effect_task", state="open")


def test_a_mute_becomes_a_task_with_exact_steps(wecom):
    for _ in range(6):
        wecom.say("阿强", "https://a.example.com/x")
    wecom.settle()
    assert wecom.log()[7:] == [
        f"decision.made 阿强 equal_links live mute strike: {MUTED}",
        f"case.opened 阿强 effect_task yellow: 请 阿强 暂停发言({GROUP})",
        "effect.done 阿强 mute task_created: 已转人工,按步骤执行",
    ]
    steps = [
        "1. 企业微信客户群不能禁言单个成员,请人工提醒",
        f"2. 打开企业微信,进入客户群「{GROUP}」",
        f"3. 在输入框 @阿强,粘贴并发送:{MUTED} 请在 13:00 前暂停发言",
        "4. 到期前再次发言的,长按消息撤回,并在工单里备注",
        "5. 回到本页点「已完成」",
    ]
    case = open_task()
    assert (case.payload["steps"], case.summary) == (steps, "\n".join(steps))
    page = wecom.console(f"cases/{case.pk}/")
    assert all(step.partition(" ")[2] in page for step in steps)

    # Nobody was muted, and nothing says so: the platform cannot.
    assert wecom.events("member.muted", "message.sent") == []
    wecom.decide("effect_task", "mark_done", note="已提醒")
    wecom.settle()
    assert wecom.log() == [
        "effect.done 阿强 mute done: owner 确认已完成:已提醒",
        "case.decided 阿强 effect_task mark_done by owner",
    ]
    assert wecom.effects() == [("mute", "done")]


def test_a_removal_by_hand_confirms_its_task(wecom):
    for number in (1, 2):
        wecom.say("阿强", f"限时优惠,点击 https://shop.example.com/{number} 下单")
        wecom.settle()
        wecom.decide("effect_task", "mark_done")
        wecom.later(hours=2)
    wecom.say("阿强", "限时优惠,点击 https://shop.example.com/3 下单")
    wecom.settle()
    case = open_task()
    assert (case.title, case.urgency) == (f"移出成员 阿强({GROUP})", "orange")
    assert case.payload["steps"] == [
        f"1. 用群主或管理员账号打开企业微信,进入客户群「{GROUP}」",
        "2. 点右上角「…」→「全部群成员」,找到 阿强",
        "3. 长按头像 →「移出群聊」,并勾选「不允许再次入群」",
        "4. 系统收到退群通知后会自动完成这个工单",
    ]
    wecom.log()
    wecom.say("阿强", "我还在")  # nobody has done it yet, and the product does not pretend
    wecom.settle()
    assert wecom.log() == ["message.posted 阿强 我还在"]

    wecom.act("群主", "remove", member=wecom.id_of("阿强"))
    wecom.settle()
    assert wecom.log() == [
        "member.removed 阿强 by hand",
        "effect.done 阿强 remove done: 有人在平台上手动完成",
        "case.decided 阿强 effect_task mark_done by 平台通知",
    ]
    case.refresh_from_db()
    assert (case.state, case.decided_by, case.action) == ("decided", "平台通知", "mark_done")
    assert [status for _, status in wecom.effects()] == ["done"] * 3


def test_an_answer_that_cannot_be_given_is_said_to_be_impossible(wecom):
    wecom.say("小美", "签到")
    wecom.settle()
    assert wecom.log() == [
        "command.posted 小美 签到 (checkin)",
        "checkin.done 小美 2026-11-24 streak 1 points 2",
        "points.posted 小美 +2 = 2 checkin: 签到，连续 1 天",
        "badge.awarded 小美",
        "effect.done 小美 answer unsupported: 企业微信客户群里服务器不能发言,成员可在「我的」页面查看结果",
    ]
    assert wecom.cases() == []


@pytest.mark.parametrize(
    ("by_hand", "removed", "note"),
    [
        (True, "member.removed 阿强 by hand", "成员已被移出本群,无需再处理"),
        (False, "member.left 阿强", "成员已自行退群,无需再处理"),
    ],
)
def test_who_is_out_of_the_group_need_not_be_muted_any_more(wecom, by_hand, removed, note):
    for name in ("阿强", "小美"):
        for _ in range(6):
            wecom.say(name, f"https://a.example.com/{name}")
    wecom.settle()
    wecom.log()
    if by_hand:
        wecom.act("群主", "remove", member=wecom.id_of("阿强"))
    else:
        assert wecom.post("阿强", "/leave").status_code == 200
    wecom.settle()
    assert wecom.log() == [
        removed,
        f"effect.done 阿强 mute failed: {note}",
        "case.decided 阿强 effect_task cannot by 平台通知",
    ]
    assert open_task().member_id == wecom.id_of("小美")  # hers is none of his
    # What was decided is no dead letter any more, and nobody is woken for it.
    (query,) = (sql for name, _, _, sql in GAUGES if name == "qunzhu_effects_unfinished")
    assert dict(raw_connection().execute(query).fetchall()) == {"pending": 0, "task_created": 1, "failed": 0}


@pytest.mark.parametrize("by_hand", [True, False])
def test_nobody_is_asked_to_act_on_a_member_who_left_in_the_meantime(wecom, by_hand):
    for name in ("阿强", "小美"):
        for _ in range(6):
            wecom.say(name, f"https://a.example.com/{name}")
    wecom.runner.run_once()  # decided, and not yet delivered
    if by_hand:
        wecom.act("群主", "remove", member=wecom.id_of("阿强"))
    else:
        assert wecom.post("阿强", "/leave").status_code == 200
    wecom.log()
    wecom.settle()
    assert wecom.log() == [
        "effect.done 阿强 mute unsupported: 成员已不在群里",
        f"case.opened 小美 effect_task yellow: 请 小美 暂停发言({GROUP})",
        "effect.done 小美 mute task_created: 已转人工,按步骤执行",
    ]
    assert wecom.cases() == [("effect_task", "yellow", "open", f"请 小美 暂停发言({GROUP})")]
