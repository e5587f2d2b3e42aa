"""What the codes in tables and logs are called on the screen. An unknown code is shown as it is, never hidden."""

from django.utils.functional import Promise
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from qunzhu.console.reading.rule_words import fact_names
from qunzhu.console.reading.telling_kinds import KINDS
from qunzhu.kernel.cases import kinds as case_kinds
from qunzhu.kernel.community.permissions import PERMISSIONS
from qunzhu.kernel.effects.consumer import PLATFORM
from qunzhu.ui.formats import is_chinese

ROLES: dict[str, Promise] = {
    "owner": pgettext_lazy("role", "群主"),
    "manager": pgettext_lazy("role", "运营主管"),
    "moderator": pgettext_lazy("role", "管理员"),
    "analyst": pgettext_lazy("role", "数据分析"),
    "finance": pgettext_lazy("role", "财务"),
}
# Who acts when it is not a person with an account.
ACTORS: dict[str, Promise] = {
    "blueprint": lazy("蓝图"),
    "qunzhu": lazy("系统"),
    "rule": lazy("规则"),
    "import": lazy("导入"),
    "simulation": lazy("模拟"),
    PLATFORM: lazy("平台通知"),
}
CONNECTORS: dict[str, Promise] = {
    "local": lazy("网页群聊"),
    "qunzhu": lazy("系统"),
    "import": lazy("聊天记录"),
    "simulation": lazy("模拟"),
    "console": lazy("控制台"),
}
# Acts on record that are not simply the use of a permission.
_ACTS: dict[str, Promise] = {
    "audit.export": lazy("导出操作审计"),
    "blackbox.download": lazy("下载证据"),
    "blackbox.list": lazy("导出区块列表"),
    "backtest.export": lazy("导出回测"),
    "case.assign": lazy("交接工单"),
    "case.export": lazy("导出工单"),
    "case.merge": lazy("合并工单"),
    "case.note": lazy("写工单备注"),
    "case.undo": lazy("撤销工单处理"),
    "clearance.end": lazy("提前结束报备"),
    "clearance.export": lazy("导出报备"),
    "clearance.grant": lazy("手动报备"),
    "effect.drop": lazy("放弃动作"),
    "effect.export": lazy("导出动作"),
    "feed.export": lazy("导出动态"),
    "group.export": lazy("导出群列表"),
    "group.join_code": lazy("更换入群链接"),
    "group.observe": lazy("设置观察群"),
    "group.profile": lazy("切换群的能力"),
    "import.export": lazy("导出导入记录"),
    "import.start": lazy("导入聊天记录"),
    "job.restart.backtest": lazy("重新回测"),
    "job.restart.export": lazy("重新导出证据"),
    "job.restart.import": lazy("重新导入"),
    "job.restart.verify": lazy("重新校验"),
    "keywords.add": lazy("加关键词"),
    "keywords.change": lazy("修改关键词库"),
    "keywords.export": lazy("导出关键词库"),
    "keywords.import": lazy("导入关键词"),
    "keywords.remove": lazy("删关键词"),
    "leave.end": lazy("销假"),
    "leave.give": lazy("替成员请假"),
    "member.export": lazy("导出成员"),
    "tasks.export": lazy("导出任务"),
    "tasks.people.export": lazy("导出任务参与者"),
    "challenge.cancel": lazy("取消打卡挑战"),
    "challenge.export": lazy("导出打卡挑战"),
    "challenge.judge": lazy("裁定打卡"),
    "challenge.open": lazy("发起打卡挑战"),
    "debate.act": lazy("主持辩论"),
    "ledger.export": lazy("导出积分账本"),
    "points.reverse": lazy("撤回一笔积分"),
    "debate.export": lazy("导出辩论"),
    "debate.poll": lazy("发起投票"),
    "debate.start": lazy("开始辩论"),
    "debate.topic": lazy("修改辩题"),
    "mall.add": lazy("上架商品"),
    "mall.cancel": lazy("取消商城订单"),
    "mall.change": lazy("修改商品"),
    "mall.codes": lazy("导入卡密"),
    "mall.deliver": lazy("交付商城订单"),
    "mall.export": lazy("导出商品"),
    "mall.orders.export": lazy("导出商城订单"),
    "mall.picture": lazy("更换商品图片"),
    "mall.refund": lazy("退回商城订单"),
    "mall.ship": lazy("商城发货"),
    "mall.stock": lazy("盘点商品"),
    "observation.export": lazy("导出沉默与观察"),
    "observation.return": lazy("请回原群"),
    "redpacket.cancel": lazy("取消红包雨"),
    "redpacket.close": lazy("提前结束红包雨"),
    "redpacket.export": lazy("导出红包雨"),
    "redpacket.plan": lazy("安排红包雨"),
    "rulebook.discard": lazy("放弃群规草稿"),
    "rulebook.restore": lazy("恢复群规草稿"),
    "session.password": lazy("修改密码"),
    "session.sign_in": lazy("登录"),
    "staff.add": lazy("添加运营人员"),
    "staff.change": lazy("修改角色"),
    "staff.export": lazy("导出运营人员"),
    "staff.remove": lazy("移除运营人员"),
}
_COMMANDS: dict[str, Promise] = {
    "command.checkin": lazy("口令 签到"),
    "command.makeup": lazy("口令 补签"),
    "command.tasks": lazy("口令 任务"),
    "tasks": lazy("任务"),
    "command.points": lazy("口令 积分"),
    "command.level": lazy("口令 等级"),
    "levels": lazy("等级"),
    "debate": lazy("辩论"),
    "redpacket": lazy("红包雨"),
    "redpackets": lazy("红包雨"),
    "command.debate": lazy("口令 辩论"),
    "command.vote": lazy("口令 投票"),
    "command.leaderboard": lazy("口令 排行榜"),
    "command.badges": lazy("口令 徽章"),
    "challenge": lazy("打卡挑战"),
    "honour": lazy("荣誉"),
    "points.expiring": lazy("过期"),
    "simulation": lazy("演示"),
    "command.challenge": lazy("口令 挑战"),
    "command.proof": lazy("口令 打卡"),
    "command.approve": lazy("口令 打卡通过"),
    "command.reject": lazy("口令 打卡不通过"),
    "command.redeem": lazy("口令 兑换"),
    "command.grab": lazy("口令 抢"),
    "command.report": lazy("口令 举报"),
    "command.consent": lazy("口令 同意群规"),
    "command.help": lazy("口令 帮助"),
    "command.clearance": lazy("口令 报备"),
    "command.leave": lazy("口令 请假"),
    "command.back": lazy("口令 销假"),
    "command.appeal": lazy("口令 申诉"),
    "command.quality": lazy("口令 优质"),
    "command.unquality": lazy("口令 取消优质"),
    "quality": lazy("优质内容"),
    "clearance.granted": lazy("报备通过"),
    "clearance.declined": lazy("报备未通过"),
    "clearance.ended": lazy("报备提前结束"),
    "elimination.out": lazy("移入观察群"),
    "elimination.back": lazy("请回原群"),
}


def act_name(code: str) -> str:
    """An action of the audit."""
    if code in _ACTS:
        return str(_ACTS[code])
    if code.startswith("case."):
        return _case_act(code)
    return _(PERMISSIONS[code]) if code in PERMISSIONS else code


def _case_act(code: str) -> str:
    """case.mute, case.propose.erase: the button that was pressed, in its own words."""
    _head, *way, button = code.split(".")
    label = button_name(button)
    words = {(): _("工单:%(act)s"), ("propose",): _("提议:%(act)s"), ("withdraw",): _("撤回提议:%(act)s"),
             ("refuse",): _("不同意提议:%(act)s")}.get(tuple(way))  # fmt: skip
    return words % {"act": label} if words and label else code


def button_name(name: str) -> str:
    """A button of a case in the reader's language; "" when no kind of case has it."""
    for kind in case_kinds.KINDS.values():
        for action in kind.actions:
            if action.name == name:
                return action.label if is_chinese(get_language()) else action.label_en
    return ""


def actor_name(code: str | None) -> str:
    """Blueprint → 蓝图; the name of an account stays."""
    return str(ACTORS.get(code or "", code or ""))


def fact_name(code: str) -> str:
    """A fact that a rule looked at."""
    return _("次数") if code == "window.count" else fact_names().get(code, code)


def kind_name(code: str) -> str:
    """A kind of event."""
    return str(KINDS[code][1]) if code in KINDS else code


def rule_name(code: str, names: dict[str, str]) -> str:
    """A rule by its name in the rulebook (`names`), an answer by the word it answers."""
    return names.get(code) or str(_COMMANDS.get(code, code))
