"""Who may do what, per community. Deny by default: what is not listed for a role is refused."""

# The permission names are used by pages, case actions and services alike.
PERMISSIONS: dict[str, str] = {
    "view": "查看社群、群、成员、动态",
    "case.decide": "处理工单",
    "member.warn": "警告成员",
    "member.mute": "禁言成员",
    "member.remove": "移出成员",
    "message.recall": "撤回消息",
    "group.announce": "发布群公告",
    "group.freeze": "冻结与解冻群",
    "group.rebuild": "关闭并重建群",
    "group.edit": "修改群设置",
    "penalty.reverse": "撤销处罚",
    "points.adjust": "调整积分",
    "content.mark": "评优质内容",
    "clearance.decide": "审批报备",
    "mall.edit": "管理积分商城的商品",
    "mall.deliver": "处理积分商城的订单",
    "redpacket.run": "安排红包雨",
    "challenge.run": "管理打卡挑战",
    "debate.edit": "管理辩题",
    "debate.run": "主持辩论与投票",
    "observation.decide": "决定沉默成员去留",
    "backtest.run": "回测群规",
    "rulebook.edit": "起草群规",
    "rulebook.publish": "发布群规",
    "rulebook.override": "不看回测就发布群规",
    "keywords.edit": "修改关键词库",
    "effect.retry": "重试动作",
    "member.erase": "抹除成员内容",
    "blackbox.verify": "校验黑匣子",
    "blackbox.export": "导出证据",
    "import.run": "导入聊天记录",
    "staff.manage": "管理运营人员",
    "audit.view": "查看操作审计",
    "finance.view": "查看资金",
}

_MODERATOR = {
    "view", "case.decide", "member.warn", "member.mute", "member.remove", "message.recall", "group.announce",
    "group.freeze", "penalty.reverse", "effect.retry", "blackbox.verify", "clearance.decide", "observation.decide",
    "content.mark",
    "challenge.run",
    "mall.deliver",
    "debate.run",
}  # fmt: skip
_MANAGER = _MODERATOR | {
    "group.edit", "group.rebuild", "points.adjust", "backtest.run", "rulebook.edit", "rulebook.publish",
    "keywords.edit", "blackbox.export", "import.run", "audit.view", "member.erase",
    "mall.edit",
    "redpacket.run",
    "debate.edit",
}  # fmt: skip

ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    "owner": frozenset(PERMISSIONS),
    "manager": frozenset(_MANAGER),
    "moderator": frozenset(_MODERATOR),
    "analyst": frozenset({"view", "blackbox.verify", "backtest.run"}),
    "finance": frozenset({"view", "finance.view"}),
}


def may(role: str | None, permission: str) -> bool:
    """Whether `role` (None: no post in this community) may do `permission`. Unknown permissions raise KeyError."""
    if permission not in PERMISSIONS:
        raise KeyError(f"unknown permission {permission!r}; list it in PERMISSIONS first")
    return role is not None and permission in ROLE_PERMISSIONS.get(role, frozenset())
