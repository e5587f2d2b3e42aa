"""Who is simulated: personas with a habit, a temper and hours of their own, all from one seed."""

import random
from dataclasses import dataclass

MARK = "模拟"

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_GIVEN = "一诺梓涵宇轩欣怡子墨雨桐浩然思远佳宁明哲若曦嘉禾知行清和云舟晓晨文博书瑶"
_JOBS = ("投行", "券商", "基金", "银行", "产品", "运营", "后端", "算法", "设计", "市场", "咨询", "数据")

# Hours of a day by how likely a message is: two peaks on working days, a late and lazy curve at weekends.
WORKDAY_HOURS = (1, 0, 0, 0, 0, 0, 2, 7, 14, 9, 7, 6, 12, 9, 6, 6, 6, 7, 9, 11, 15, 13, 8, 3)
WEEKEND_HOURS = (2, 1, 0, 0, 0, 0, 0, 1, 3, 6, 9, 9, 8, 7, 8, 9, 9, 9, 13, 13, 11, 10, 8, 4)


@dataclass(frozen=True)
class Habit:
    """A way to take part: messages and check-ins a day, and what is said, as weights of phrase families."""

    name: str
    share: float
    messages_a_day: float
    checks_in: float
    words: tuple[tuple[str, int], ...]


HABITS = (
    Habit("core", 0.12, 3.2, 0.85, (("share", 5), ("answer", 6), ("ask", 2), ("chat", 3))),
    Habit("regular", 0.42, 1.3, 0.45, (("share", 2), ("answer", 3), ("ask", 4), ("chat", 6))),
    Habit("quiet", 0.395, 0.12, 0.05, (("ask", 3), ("chat", 4), ("answer", 1))),
    Habit("seller", 0.03, 1.1, 0.10, (("ad", 5), ("chat", 3))),
    Habit("flooder", 0.015, 2.4, 0.10, (("chat", 8), ("ask", 2))),
    Habit("linker", 0.01, 0.9, 0.05, (("share", 3), ("chat", 2))),
    Habit("quarreller", 0.01, 1.6, 0.10, (("attack", 1), ("chat", 5), ("answer", 3))),
)


@dataclass(frozen=True)
class Persona:
    """One simulated person. `joins_on` is the day of the simulated stretch on which they come (0: from the start)."""

    number: int
    nickname: str
    habit: Habit
    joins_on: int
    leaves_on: int | None
    waking: float  # shifts the hours of this person, −1 early … +1 late


def population(seed: int, size: int, days: int = 30) -> list[Persona]:
    """`size` people, the same for the same seed; every nickname ends in （模拟）."""
    dice = random.Random(f"people:{seed}")
    shares = [habit.share for habit in HABITS]
    people = []
    for number in range(size):
        name = dice.choice(_SURNAMES) + "".join(dice.choices(_GIVEN, k=dice.choice((1, 2, 2))))
        newcomer = number >= size // 2 and dice.random() < 0.5
        joins = dice.randrange(1, max(2, days - 2)) if newcomer else 0
        leaves = dice.randrange(joins + 2, days + 30) if dice.random() < 0.2 else None
        people.append(
            Persona(
                number,
                f"{name}·{dice.choice(_JOBS)}（{MARK}）",
                dice.choices(HABITS, shares)[0],
                joins,
                leaves if leaves is not None and leaves < days else None,
                dice.uniform(-1, 1),
            )
        )
    return people
