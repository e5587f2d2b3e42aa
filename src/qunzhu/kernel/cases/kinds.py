"""Every kind of case: its title, its buttons with the permission each needs, and how long it may wait."""

from dataclasses import dataclass

OPENED_BY_RULES = ("rule_review", "member_reported", "red_keyword")
URGENCIES = ("red", "orange", "yellow", "grey")


@dataclass(frozen=True)
class CaseAction:
    """A button. `style` is primary, danger or plain; `confirm` is the question asked first ("" asks none).

    `guard` names an irreversible act: where the community's `governance.two_person_rule` lists it, the first press only
    proposes, and a second, different person carries it out (see two_person.py). `place` is where it is pressed: "" on
    the case, "page" on a page of its own that asks for more (choices), "machine" by the product itself only.
    """

    name: str
    label: str
    label_en: str
    permission: str
    shortcut: str
    style: str = "plain"
    confirm: str = ""
    confirm_en: str = ""
    needs_note: bool = False
    guard: str = ""
    place: str = ""


@dataclass(frozen=True)
class CaseKind:
    """`deadline_hours`: after how many hours an answer is late, by urgency; None: as the community's settings say.

    `mergeable`: two open cases about the same member may become one, because closing one leaves nothing undone.
    """

    title: str
    title_en: str
    actions: tuple[CaseAction, ...]
    deadline_hours: dict[str, int] | None = None
    mergeable: bool = False

    def action(self, name: str) -> CaseAction | None:
        """The button called `name`, or None."""
        return next((a for a in self.actions if a.name == name), None)


WARN = CaseAction("warn", "警告", "Warn", "member.warn", "w")
MUTE = CaseAction("mute", "禁言", "Mute", "member.mute", "m", "primary")
REMOVE = CaseAction(
    "remove",
    "移出",
    "Remove",
    "member.remove",
    "r",
    "danger",
    "移出后对方要重新入群,确定移出吗?",
    "They will have to join again. Remove them?",
    guard="remove_all",
)
FREEZE = CaseAction(
    "freeze",
    "冻结群",
    "Freeze the group",
    "group.freeze",
    "f",
    "danger",
    "冻结后只有运营人员能发言,确定吗?",
    "Only staff will be able to speak. Freeze the group?",
)
ANNOUNCE = CaseAction(
    "announce", "发群公告", "Announce", "group.announce", "a", needs_note=True
)  # the note is the text of the announcement
REBUILD = CaseAction(
    "rebuild",
    "关闭并重建群",
    "Close and rebuild",
    "group.rebuild",
    "b",
    "danger",
    "旧群会关闭,除违规成员外每个人都会收到新群的邀请,确定吗?",
    "The old group closes and everyone but the offenders is invited to a new one. Go on?",
    guard="rebuild_group",
)
DISMISS = CaseAction("dismiss", "不成立", "Dismiss", "case.decide", "d")

KINDS: dict[str, CaseKind] = {
    "member_reported": CaseKind("成员被多人举报", "Member reported", (WARN, MUTE, REMOVE, DISMISS), mergeable=True),
    "red_keyword": CaseKind(
        "红色预警:群已冻结",
        "Red alert: group frozen",
        (
            CaseAction("unfreeze", "解冻群", "Unfreeze", "group.freeze", "u", "primary"),
            CaseAction(
                "remove",
                "移出并解冻",
                "Remove and unfreeze",
                "member.remove",
                "r",
                "danger",
                "将移出该成员并恢复群内发言,确定吗?",
                "Removes the member and lets the group speak again. Go on?",
                guard="remove_all",
            ),
            CaseAction(
                "dismiss",
                "误报,解冻并撤销",
                "False alarm: unfreeze and undo",
                "penalty.reverse",
                "d",
                "plain",
                "将撤销对该成员的处理并解冻群,确定吗?",
                "Takes the penalty back and unfreezes the group. Go on?",
            ),
            REBUILD,
        ),
    ),
    "raid": CaseKind(
        "疑似炸群:群已冻结",
        "Raid: group frozen",
        (
            CaseAction("unfreeze", "不是炸群,解冻", "No raid: unfreeze", "group.freeze", "u", "primary"),
            CaseAction(
                "remove_raiders",
                "移出这些人并解冻",
                "Remove them and unfreeze",
                "member.remove",
                "r",
                "danger",
                "将移出发送相同内容的新成员并恢复群内发言,确定吗?",
                "Removes the newcomers who posted the same and lets the group speak again. Go on?",
            ),
            CaseAction("keep", "保持冻结", "Keep it frozen", "group.freeze", "k"),
            REBUILD,
        ),
    ),
    "incident_task": CaseKind(
        "群重建:请人工执行",
        "Rebuilding a group: do this by hand",
        (
            CaseAction("mark_done", "已完成", "Done", "case.decide", "y", "primary"),
            CaseAction("cannot", "做不到", "Cannot be done", "case.decide", "n"),
        ),
    ),
    "effect_failed": CaseKind(
        "动作执行失败",
        "Effect failed",
        (
            CaseAction("retry", "重试", "Retry", "effect.retry", "t", "primary"),
            CaseAction("drop", "放弃", "Drop", "effect.retry", "x", "danger", "放弃后不再执行,确定吗?", "Give it up?"),
        ),
    ),
    "effect_task": CaseKind(
        "请人工执行",
        "Do this by hand",
        (
            CaseAction("mark_done", "已完成", "Done", "case.decide", "y", "primary"),
            CaseAction("cannot", "做不到", "Cannot be done", "case.decide", "n"),
        ),
    ),
    "poisoned_event": CaseKind(
        "事件无法处理",
        "Event put aside",
        (
            CaseAction("retry", "重新处理", "Try again", "effect.retry", "t", "primary"),
            CaseAction(
                "ignore", "忽略", "Ignore", "effect.retry", "i", "danger", "该事件不再处理,确定吗?", "Leave it out?"
            ),
        ),
    ),
    "rule_precision": CaseKind(
        "规则误判太多",
        "A rule is wrong too often",
        (
            CaseAction("settled", "已调整规则", "Rule mended", "rulebook.publish", "y", "primary"),
            CaseAction("keep", "保持不变", "Keep it as it is", "case.decide", "n", needs_note=True),
        ),
    ),
    "rule_review": CaseKind(
        "请人工判断", "A human is asked", (WARN, MUTE, REMOVE, FREEZE, ANNOUNCE, DISMISS), mergeable=True
    ),
    "member_erasure": CaseKind(
        "抹除成员",
        "Erase a member",
        (
            CaseAction(
                "erase",
                "抹除",
                "Erase",
                "member.erase",
                "e",
                "danger",
                "这个人说过的话和身份会从所有地方抹去,不能恢复,确定吗?",
                "What they said and who they are goes from everywhere and cannot be restored. Go on?",
                guard="erase_member",
            ),
            CaseAction("keep", "不抹除", "Keep", "member.erase", "d"),
        ),
    ),
    "invariant_broken": CaseKind(
        "系统自检发现不一致",
        "The self-check found something that does not fit",
        (
            CaseAction("seen", "知道了", "Noted", "audit.view", "y", "primary", needs_note=True),
            CaseAction("mended", "已恢复一致", "All is well again", "audit.view", "", place="machine"),
        ),
    ),
    "points_adjustment": CaseKind(
        "调整积分,等第二个人确认",
        "Adjusting points needs a second person",
        (
            CaseAction("adjust", "确认调整", "Adjust", "points.adjust", "y", "primary", guard="adjust_points"),
            CaseAction("drop", "不调整", "Do not adjust", "points.adjust", "n"),
        ),
    ),
    "clearance_request": CaseKind(
        "广告报备",
        "Ad clearance",
        (
            CaseAction("approve", "批准", "Approve", "clearance.decide", "y", "primary"),
            CaseAction("decline", "不批准", "Decline", "clearance.decide", "n", needs_note=True),
            CaseAction("withdrawn", "成员已撤回", "Withdrawn by the member", "clearance.decide", "", place="machine"),
        ),
    ),
    "inactive_review": CaseKind(
        "沉默成员复核",
        "Silent members to review",
        (
            CaseAction("choose", "逐人选择", "Choose for each", "observation.decide", "o", "primary", place="page"),
            CaseAction("keep", "全部留下", "Keep all", "observation.decide", "k"),
            CaseAction(
                "move",
                "全部移入观察群",
                "Move all to observation",
                "observation.decide",
                "m",
                "danger",
                "名单上的人都会移入观察群,在那里说话就能回来。确定吗?",
                "Everybody on the list is moved to the observation group; speaking there brings them back. Go on?",
            ),
            CaseAction("over", "都已恢复互动", "All have spoken", "observation.decide", "", place="machine"),
        ),
    ),
    "inactive_over_cap": CaseKind(
        "沉默成员超过上限",
        "More silent members than the cap",
        (
            CaseAction(
                "confirm",
                "确认,打标签并复核",
                "Confirm: tag and review",
                "observation.decide",
                "y",
                "primary",
                "名单上仍然沉默的人会打上标签,再逐人复核。确定吗?",
                "Those on the list who are still silent are tagged and come up for review. Go on?",
            ),
            CaseAction("drop", "这次不处理", "Leave it this time", "observation.decide", "n"),
            CaseAction("newer", "有了新名单", "A newer list came", "observation.decide", "", place="machine"),
        ),
    ),
    "calendar_missing": CaseKind(
        "放假安排没有数据",
        "No data on public holidays",
        (CaseAction("seen", "知道了", "Noted", "observation.decide", "y", "primary"),),
    ),
    "mall_low_stock": CaseKind(
        "积分商城库存不足",
        "A good of the mall runs low",
        (
            CaseAction("seen", "知道了", "Noted", "mall.edit", "y", "primary"),
            CaseAction("restocked", "已补货", "Restocked", "mall.edit", "", place="machine"),
        ),
    ),
    "mall_orders": CaseKind(
        "积分商城有订单等待交付",
        "Orders of the mall wait to be handed over",
        (
            CaseAction("seen", "知道了", "Noted", "mall.deliver", "y", "primary"),
            CaseAction("delivered", "已全部处理", "All handed over", "mall.deliver", "", place="machine"),
        ),
    ),
    "appeal": CaseKind(
        "申诉",
        "Appeal",
        (
            CaseAction(
                "uphold",
                "成立,撤销处罚",
                "Uphold: take the penalty back",
                "penalty.reverse",
                "u",
                "primary",
                "将撤销这次处罚:不再计违规,禁言解除,所扣积分退回,被移出的可以回群。确定吗?",
                "The penalty is taken back: no strike, the mute ends, points return, the removed may return. Go on?",
            ),
            CaseAction("reject", "不成立,说明理由", "Reject, with the reason", "penalty.reverse", "j", needs_note=True),
        ),
    ),
    "report_abuse": CaseKind(
        "举报多次不属实",
        "Many reports dismissed",
        (WARN, CaseAction("dismiss", "没有问题", "Nothing wrong", "case.decide", "d")),
    ),
}
