"""What is said of honours in the group: short, and one message where many ask at once. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date

from qunzhu.engagement.honours.policy import Place, Top, said_week

MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}
TOGETHER = 3  # from so many answers of one batch on, a group gets them in one message
SHOWN = 3


def say_line(place: Place, names: Mapping[int, str]) -> str:
    """One place of a list."""
    return f"{MEDALS.get(place.rank, f'{place.rank}.')} {names.get(place.member) or '成员'} {place.points:,}"


def say_own(own: Place | None, ahead: int) -> str:
    """Where the asking member stands; `ahead`: how many points to the next better place, 0 for the first."""
    if own is None:
        return "你这周还没有积分，签到、写优质内容就能上榜"
    return f"你第 {own.rank} 名，{own.points:,} 分" + (f"，再得 {ahead:,} 分往前一名" if ahead else "")


def say_board(top: Sequence[Place], names: Mapping[int, str], own: str, link: str) -> str:
    """The answer to 排行榜 for one member."""
    if not top:
        return f"本周榜单还空着，第一名等你来。{link}"
    listed = " · ".join(say_line(place, names) for place in top[:SHOWN])
    return f"本周 {listed}。{own}。{link}"


def say_boards(top: Sequence[Place], names: Mapping[int, str], lines: Sequence[tuple[str, str]], link: str) -> str:
    """One message for many who ask: (nickname, where they stand), in the order in which they asked."""
    head = "本周贡献榜 " + " · ".join(say_line(place, names) for place in top[:SHOWN]) if top else "本周榜单还空着"
    return "\n".join([head, *(f"@{name} {own}" if name else own for name, own in lines), link])


def say_badges(held: Sequence[str], missing: int, following: str, link: str) -> str:
    """The answer to 徽章."""
    if not held:
        return f"你还没有徽章，最近的一枚：{following}。{link}" if following else f"你还没有徽章。{link}"
    more = f"，还有 {missing} 枚等你" if missing else "，全部集齐了"
    return f"你有 {len(held)} 枚徽章：{' '.join(held)}{more}。{link}"


def say_closed(week: date, top: Top, stars: Mapping[str, Sequence[Place]], names: Mapping[int, str], link: str) -> str:
    """The announcement of a closed week."""
    lines = [f"🏆 {said_week(week)} 贡献榜", *(say_line(place, names) for place in top.places)]
    if top.more:
        lines.append(f"同分的还有 {top.more} 位，榜单页都有")
    for board, title in (("newcomers", "新人之星"), ("progress", "进步之星")):
        if found := stars.get(board):
            lines.append(f"{title}：{'、'.join(names.get(p.member) or '成员' for p in found)}")
    return "\n".join([*lines, f"谢谢大家，新的一周已经开始：{link}"])
