"""A short act: marked members do in a running group what its rules are for, so that a new console has it to show."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx

from qunzhu.simulation.live import Speaker

CAST = 10  # people that the act needs
_LINK = "https://report.example.com/p/2026"


@dataclass(frozen=True)
class Line:
    """What person `who` of the cast says; `mentions` are people of the cast."""

    who: int
    text: str
    mentions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Scene:
    """Lines in order, and what the operator is told about them."""

    title: str
    lines: tuple[Line, ...]


# The last scene closes the group, so nothing may follow it. Nobody but the linker exceeds five messages a day.
SCENES = (
    Scene(
        "签到与闲聊 check-ins and talk",
        (
            *(Line(who, "签到") for who in range(6)),
            Line(0, "积分"),
            Line(1, "早呀，今天的早报有人读了吗？"),
            Line(2, "读了，头部三家的份额又提高了"),
            Line(3, "请教一下，做用户访谈大家一般怎么开始？"),
            Line(4, "建议先写一页纸，再找三位老用户聊"),
            Line(5, f"整理了一份行业周报，要的自取 {_LINK}"),
        ),
    ),
    Scene(
        "同一链接连发六次 the same link six times → 禁言 mute",
        tuple(Line(6, f"推荐这篇 {_LINK}") for _ in range(6)),
    ),
    Scene(
        "未报备的广告 an ad without clearance → 警告 warning",
        (Line(7, "限时优惠，点击 https://shop.example.com/p/1 下单"),),
    ),
    Scene(
        "三位成员举报同一人 three members report one → 工单 case",
        (
            Line(8, "你这人懂什么，滚蛋吧"),
            *(Line(who, "举报 人身攻击", mentions=(8,)) for who in (0, 1, 2)),
        ),
    ),
    Scene(
        "资金募集信息 a fundraising word → 冻结该群、红色工单 group frozen, red case",
        (Line(9, "内部集资名额不多，年底分红，想参与的私聊我"),),
    ),
)


def play(url: str, cast: Sequence[Speaker], *, key: str, announce: Callable[[str], None]) -> int:
    """Say every line through the receiver; returns how many it took.

    The same `key` said twice is the same message, so an interrupted act can be played again. Raises httpx.HTTPError
    when the receiver does not answer.
    """
    taken = 0
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        for scene, number, line in _lines():
            if number == 0:
                announce(scene.title)
            speaker = cast[line.who]
            body = {
                "group": speaker.group_id,
                "type": "text",
                "text": line.text,
                "client_id": f"{key}-{SCENES.index(scene)}-{number}",
                "mentions": [cast[who].member_id for who in line.mentions],
            }
            answer = client.post("/in/local", json=body, headers={"cookie": f"qz_member={speaker.cookie}"})
            taken += answer.status_code == httpx.codes.OK
    return taken


def _lines() -> Iterator[tuple[Scene, int, Line]]:
    for scene in SCENES:
        for number, line in enumerate(scene.lines):
            yield scene, number, line
