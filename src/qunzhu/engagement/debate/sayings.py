"""What is said in the group: short, one message for many. Pure."""

from collections.abc import Mapping, Sequence

from qunzhu.engagement.debate.policy import CON, FREE, PRO, SIDES, Outcome, Settings

TOGETHER = 3  # from so many answers of one batch on, a group gets the tally in one message
NONE_NOW = "现在没有进行中的辩论。"
NO_VOTE = "现在没有进行中的投票。"
NOT_STAFF = "只有管理员可以发起投票。"
OVER = "投票已经结束，结果见群里的消息。"
ONE_POLL = "这个群还有一个投票没有结束。"
VOTING_NOW = "辩论正在投票，结束后再发起。"


def say_opened(title: str, pro: str, con: str, rules: Settings, until: str) -> str:
    """The announcement: topic, sides, how to speak."""
    if rules.mode == FREE:
        how = f"以“正方”或“反方”开头发言，或引用别人的论点，满 {rules.length} 字就计入"
    else:
        how = f"先发“正方”或“反方”报名，之后满 {rules.length} 字的发言都计入"
    points = f"参与 +{rules.part_points}、获胜方 +{rules.win_points}、最佳论点 +{rules.best_points} 积分"
    return f"【辩论】{title}\n正方：{pro}\n反方：{con}\n{how}。{until} 截止发言，然后投票。{points}。"


def say_closed(title: str, said: Mapping[str, int], rules: Settings, until: str, link: str) -> str:
    """The vote is open, and its rules."""
    hidden = f"投票不公开姓名，不想在群里说就到这里投：{link}" if rules.anonymous else f"也可以在这里投：{link}"
    return (
        f"【投票】{title}\n正方 {said[PRO]} 条论点，反方 {said[CON]} 条。发“投票 正方”或“投票 反方”，一人一票，"
        f"{until} 前可以改；发过言的不投自己一方。最佳论点发“投票 最佳 编号”。{hidden}"
    )


def say_result(title: str, came: Outcome, best: str, points: int, link: str) -> str:
    """The result in words: beside the card, and instead of it where no picture can be sent."""
    score = f"正方 {came.votes[PRO]} 票，反方 {came.votes[CON]} 票"
    head = {"": "票数不够，不分胜负", "draw": "平局"}.get(came.winner) or f"{SIDES[came.winner]}获胜"
    named = f"最佳论点：{best}。" if best else ""
    given = f"共发出 {points} 积分。" if points else ""
    return f"【辩论结果】{title}\n{head}：{score}。{named}{given}{link}"


def say_cancelled(title: str, reason: str) -> str:
    """It will not be finished."""
    return f"辩论“{title}”取消了：{reason}。"


def say_extended(step: str, until: str) -> str:
    """There is more time."""
    return f"{'发言' if step == 'speaking' else '投票'}延长到 {until}。"


def say_standing(title: str, said: Mapping[str, int], until: str, *, voting: bool, link: str) -> str:
    """The answer to 辩论."""
    step = "正在投票" if voting else "正在发言"
    return f"{step}：{title}。正方 {said[PRO]} 条，反方 {said[CON]} 条论点，{until} 截止。{link}"


def say_joined(side: str, length: int) -> str:
    """The answer to signing up."""
    return f"已报名{SIDES[side]}，接下来满 {length} 字的发言都算论点。"


def say_joined_many(counts: Mapping[str, int]) -> str:
    """Many signed up at once."""
    return f"报名收到。现在正方 {counts[PRO]} 人，反方 {counts[CON]} 人。"


def say_voted(words: str) -> str:
    """The answer to one vote."""
    return f"已投{words}，截止前可以改。"


def say_tally(title: str, tally: Sequence[tuple[str, int]], refused: int) -> str:
    """Many voted at once: how it stands."""
    listed = "，".join(f"{name} {n} 票" for name, n in tally)
    more = f"（{refused} 票没有计入：不能投自己一方，或没看懂）" if refused else ""
    return f"{title}：{listed}{more}。"


def say_unknown_vote(options: int) -> str:
    """A vote that was not understood."""
    return (
        f"请发“投票 编号”，编号 1 到 {options}。"
        if options
        else "请发“投票 正方”或“投票 反方”，最佳论点发“投票 最佳 编号”。"
    )


def say_poll(question: str, options: Sequence[str], until: str) -> str:
    """A poll begins."""
    listed = "\n".join(f"{n}. {option}" for n, option in enumerate(options, 1))
    return f"【投票】{question}\n{listed}\n发“投票 编号”，一人一票，{until} 前可以改。"


def say_poll_result(question: str, tally: Sequence[tuple[str, int]]) -> str:
    """A poll is over."""
    total = sum(n for _, n in tally)
    if not total:
        return f"【投票结果】{question}\n没有人投票。"
    rows = "\n".join(f"{name}：{n} 票（{n * 100 / total:.0f}%）" for name, n in tally)
    return f"【投票结果】{question}\n{rows}\n共 {total} 人。"
