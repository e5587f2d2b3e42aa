"""Appeals, reports and strikes in pure code, and what is said about them. Settings are declared here, once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

REPORT_AGAIN_AFTER = timedelta(hours=24)
REASON_LENGTH = 200
WORDS_LENGTH = 500
# A reporter of whom nothing is known is right as often as not; two right or wrong ones move that noticeably.
PRIOR_RIGHT = PRIOR_WRONG = 2
FRESH_FACTOR = 0.5
RING_TARGETS = 2  # so many people reported together before, and not found right, make a ring
RING_MEMORY = timedelta(days=90)

SAY_REPORTED = "已收到，谢谢你。管理员会核实，属实会给你加积分。"
SAY_SELF = "不能举报自己哦。想找管理员的话，直接在群里 @ 就好。"
SAY_AGAIN = "你 24 小时内已经举报过这位成员，记着呢，不用重复提交。"
SAY_NOT_A_MEMBER = "这条消息不是成员发的，不用举报。"
SAY_UNKNOWN = "没找到要举报的人。引用对方的消息发“举报”，或者“举报 @对方 原因”。"
SAY_SEVERAL = "群里有几位成员叫这个名字。请引用对方的消息发“举报”，这样就不会弄错人。"
SAY_ENOUGH = "你今天已经举报了 {n} 次，先到这里，明天再来。急事请直接 @ 管理员。"
SAY_DOUBTED = "你最近的举报多数没有核实，每天只收 {n} 次。急事请直接 @ 管理员。"
SAY_APPEALED = "已收到你对{what}的申诉，会在 {deadline} 前有人答复，结果在「我的处罚」里看。"
SAY_NO_PENALTY = "你现在没有可以申诉的处罚。"
SAY_APPEALED_BEFORE = "这次处罚你已经申诉过了，每次处罚可以申诉一次。结果在「我的处罚」里看。"
SAY_REVERSED_BEFORE = "这次处罚已经撤销，不用申诉了。"
SAY_TOO_LATE = "这次处罚已超过 {days} 天，不能再申诉了。"
COMMANDS = (
    ("签到", "每天一次，领积分"),
    ("积分", "看余额和今天还能得多少"),
    ("任务", "看今天和这周的任务"),
    ("等级", "看等级、进度和还差什么"),
    ("排行榜", "看本周贡献榜和自己的名次"),
    ("兑换", "用积分换商品，“兑换 编号”直接兑"),
    ("挑战", "看打卡挑战，“挑战 报名”参加；每天发“打卡 今天做了什么”"),
    ("抢", "红包雨开始时抢一份"),
    ("辩论", "看这周的辩论，发“投票 正方”投票"),
    ("举报", "引用对方的消息，或“举报 @对方 原因”"),
    ("申诉", "觉得处罚不对，“申诉 原因”"),
    ("报备", "发广告先报备，例如“报备 内容 明天 10:00-18:00”"),
    ("请假", "离开几天，例如“请假 3天 出差”；提前回来发“销假”"),
    ("同意群规", "表示你看过并同意现在的群规"),
    ("帮助", "看这张单子"),
)


@dataclass(frozen=True)
class AppealSettings:
    """`within`: days after the penalty; `answer_within`: hours until an answer is due."""

    within: int = 7
    answer_within: int = 24


@dataclass(frozen=True)
class ReportSettings:
    """See the blueprint's `governance.reports`."""

    fresh_days: int = 7
    per_day: int = 10
    dismissed_limit: int = 5
    dismissed_within: int = 30
    per_day_when_abusing: int = 1


@dataclass(frozen=True)
class Record:
    """How a reporter's reports ended, as far as they were looked at."""

    upheld: int = 0
    wrong: int = 0

    @property
    def accuracy(self) -> float:
        """The mean of the posterior Beta(upheld + 2, wrong + 2)."""
        return (self.upheld + PRIOR_RIGHT) / (self.upheld + self.wrong + PRIOR_RIGHT + PRIOR_WRONG)


def appeal_settings(blueprint: Mapping[str, Any]) -> AppealSettings:
    """The community's settings; what is not said has its default."""
    return AppealSettings(**_section(blueprint, "appeal", AppealSettings))


def report_settings(blueprint: Mapping[str, Any]) -> ReportSettings:
    """The community's settings; what is not said has its default."""
    return ReportSettings(**_section(blueprint, "reports", ReportSettings))


def strike_cost(blueprint: Mapping[str, Any]) -> int:
    """How many points a strike takes; 0 takes none."""
    return int(blueprint.get("governance", {}).get("points", {}).get("strike_cost", 0))


def _section(blueprint: Mapping[str, Any], name: str, known: Any) -> dict[str, int]:
    given = blueprint.get("governance", {}).get(name, {})
    return {key: int(value) for key, value in given.items() if key in known.__dataclass_fields__}


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


def doubted(record: Record, settings: ReportSettings) -> bool:
    """Whether a reporter abuses reporting: many wrong ones lately, and more wrong than right."""
    return record.wrong >= settings.dismissed_limit and record.wrong > record.upheld


def verdict_on_amount(*, today: int, lately: Record, settings: ReportSettings) -> str:
    """Whether one more report in 24 hours is taken: `SAY_REPORTED`, or why not. `lately`: the record of late."""
    if doubted(lately, settings) and today >= settings.per_day_when_abusing:
        return SAY_DOUBTED.format(n=settings.per_day_when_abusing)
    return SAY_ENOUGH.format(n=settings.per_day) if today >= settings.per_day else SAY_REPORTED


def weigh(record: Record, *, fresh: bool, ring_has: float = 0.0) -> float:
    """What a report adds: the reporter's accuracy, half for a fresh account, less what the same ring has said already.

    So a ring together never weighs more than its most credible member.
    """
    base = record.accuracy * (FRESH_FACTOR if fresh else 1.0)
    return round(max(0.0, base - ring_has), 3)


def verdict_on_appeal(
    *, at: datetime, now: datetime, is_reversed: bool, appealed: bool, settings: AppealSettings
) -> str:
    """Say "" when the penalty of `at` can be appealed against at `now`, else what to say."""
    if is_reversed:
        return SAY_REVERSED_BEFORE
    if appealed:
        return SAY_APPEALED_BEFORE
    if now - at > timedelta(days=settings.within):
        return SAY_TOO_LATE.format(days=settings.within)
    return ""


def interval(right: int, reviewed: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share; (0, 1) when nothing was reviewed."""
    if not reviewed:
        return 0.0, 1.0
    z = 1.959964
    share, spread = right / reviewed, z * z / reviewed
    middle = (share + spread / 2) / (1 + spread)
    reach = z * math.sqrt(share * (1 - share) / reviewed + spread / (4 * reviewed)) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)
