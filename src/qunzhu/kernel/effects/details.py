"""What came of an effect: stored as a code with its parameters, put into words when it is shown.

The sentences here are Chinese; where pages speak another language, they hand in their translation of the sentence
(the console's catalogue has each of them, a test sees to it).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from qunzhu.kernel.connectors.port import Detail, capability

# code → sentence; {names} are filled from the parameters. A connector adds its own here.
WORDS: dict[str, str] = {
    "said": "已发到群里",
    "told": "已告诉本人",
    "muted": "已禁言到 {until}",
    "mute_over": "禁言的时间已经过去",
    "member_gone": "成员已不在群里",
    "unmuted": "已解除禁言",
    "not_muted": "成员没有在禁言中",
    "removed": "已移出群",
    "moved": "已移到「{to}」",
    "no_such_group": "没有找到要移到的群",
    "target_closed": "要移到的群已经关闭",
    "target_full": "要移到的群已满({capacity} 人)",
    "recalled": "消息已撤回",
    "recalled_before": "消息已经撤回过",
    "unknown_message": "群里没有编号 {seq} 的消息",
    "no_member": "没有指明成员",
    "announced": "群公告已更新",
    "frozen": "群已冻结",
    "frozen_before": "群已经是冻结状态",
    "unfrozen": "群已解冻",
    "not_frozen": "群没有被冻结",
    "closed": "群已关闭",
    "closed_before": "群已经关闭过",
    "reopened": "群已重新开放",
    "not_closed": "群没有关闭",
    "handed_over": "已转人工,按步骤执行",
    "no_connector": "没有连接「{connector}」,不能执行",
    "gave_up": "试了 {attempts} 次都没有成功",
    "confirmed": "{user} 确认已完成",
    "cannot": "{user} 确认做不到",
    "done_by_hand": "有人在平台上手动完成",
    "left_by_self": "成员已自行退群",
    "spoke_again": "成员已恢复互动，不再移动",
    "pointless_left": "成员已自行退群,无需再处理",
    "withdrawn": "处罚已撤销，不再执行",
    "readmitted": "可以重新入群了",
    "not_removed": "成员没有被移出",
    "pointless_removed": "成员已被移出本群,无需再处理",
}
# Codes whose words stand elsewhere: a profile's reason, and what a platform answered, in its own words.
PROFILE, QUOTED = "profile", "quoted"
NOT_SUPPORTED = "平台不支持这个动作"
NOTED = "{said}:{note}"


def profile_reason(profile: str, kind: str) -> str:
    """Why `kind` cannot happen, or only nearly, on this platform."""
    return capability(profile).reasons.get(kind, NOT_SUPPORTED)


def put_into_words(detail: Detail, *, translate: Callable[[str], str], time: Callable[[datetime], str]) -> str:
    """The sentence of `detail`; "" when there is nothing to say. An unknown code is shown as it is, never hidden."""
    code = str(detail.get("code", ""))
    if code == QUOTED:
        return str(detail.get("text", ""))
    if code == PROFILE:
        return translate(profile_reason(str(detail["profile"]), str(detail["kind"])))
    said = translate(WORDS[code]).format_map(_values(detail, time)) if code in WORDS else code
    note = detail.get("note")
    return translate(NOTED).format(said=said, note=note) if note else said


def _values(detail: Detail, time: Callable[[datetime], str]) -> dict[str, Any]:
    until = detail.get("until")
    return {**detail, "until": time(datetime.fromisoformat(until)) if until else ""}
