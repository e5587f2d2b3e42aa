"""Reports and strikes in pure code, and what is said about them. Settings are declared here, once."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

STRIKE_DAYS = 90
REPORT_AGAIN_AFTER = timedelta(hours=24)
REASON_LENGTH = 200

SAY_REPORTED = "已收到，谢谢你。管理员会核实，属实会给你加积分。"
SAY_SELF = "不能举报自己哦。想找管理员的话，直接在群里 @ 就好。"
SAY_AGAIN = "你 24 小时内已经举报过这位成员，记着呢，不用重复提交。"
SAY_NOT_A_MEMBER = "这条消息不是成员发的，不用举报。"
SAY_UNKNOWN = "没找到要举报的人。引用对方的消息发“举报”，或者“举报 @对方 原因”。"
SAY_SEVERAL = "群里有几位成员叫这个名字。请引用对方的消息发“举报”，这样就不会弄错人。"
COMMANDS = (
    ("签到", "每天一次，领积分"),
    ("积分", "看余额和今天还能得多少"),
    ("举报", "引用对方的消息，或“举报 @对方 原因”"),
    ("报备", "发广告先报备，例如“报备 内容 明天 10:00-18:00”"),
    ("请假", "离开几天，例如“请假 3天 出差”；提前回来发“销假”"),
    ("帮助", "看这张单子"),
)


def strike_days(blueprint: Mapping[str, Any]) -> int:
    """After how many days a strike no longer counts."""
    return int(blueprint.get("governance", {}).get("strikes", {}).get("expire_after", STRIKE_DAYS))


def say_help(rules_url: str) -> str:
    """The answer to 帮助: every command in a line, and where the rules stand."""
    lines = [f"{word}:{meaning}" for word, meaning in COMMANDS]
    return "\n".join(["可以这样跟我说:", *lines, f"群规在群公告里:{rules_url}"])


def verdict_on_report(
    *,
    reporter: int,
    target: int | None,
    is_member: bool,
    last_report_at: datetime | None,
    at: datetime,
    several: bool = False,
) -> str:
    """What to answer to a report; only `SAY_REPORTED` means that it counts. `several` people have the name typed."""
    if target is None:
        return SAY_SEVERAL if several else SAY_UNKNOWN
    if target == reporter:
        return SAY_SELF
    if not is_member:
        return SAY_NOT_A_MEMBER
    if last_report_at is not None and at - last_report_at < REPORT_AGAIN_AFTER:
        return SAY_AGAIN
    return SAY_REPORTED
