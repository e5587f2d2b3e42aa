"""The score of a message in pure code: its parts, whose support counts, what is a copy."""

import zlib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

MOST = 100
LENGTH, INFORMATION, SOURCES, REPLIES, REACTIONS = 20, 25, 10, 30, 15  # what each part gives at most: 100 together
FULL_LENGTH = 120  # characters that give all of LENGTH
FULL_INFORMATION = 60  # different pairs of characters that give all of INFORMATION
ALPHABETIC = 3  # letters that say as much as one Chinese character
FEWEST_FOR_SOURCES = 20  # a bare link is no content
A_REPLY = 6  # a quote that says less is a reaction: 赞, 👍, 收藏
PER_REPLY, PER_REACTION = 6, 3
MONTHLY = 3  # messages of one author that one person's support counts for in a month
MUTUAL = 2  # from so many times in a month on that the author did the same, support counts half
WHOLE, HALF = 2, 1  # support is counted in halves
GRAM, KEPT_GRAMS, SAME_GRAMS = 5, 12, 8
FEWEST_FOR_COPY = 20  # shorter texts are alike by chance
COPY_DAYS = 90

MARKED, DENIED, SCORED = "marked", "denied", "scored"  # staff's word; SCORED: marked by the score itself
RECALLED = "recalled"
PARTS = (
    "length", "information", "sources", "copied", "replies", "reactions", "marked", "denied", "punished",
)  # fmt: skip


class QualitySettings(msgspec.Struct, frozen=True):
    """`threshold`: from this score on a message is quality content. `award`: its author then gets `points`."""

    threshold: int = 30
    award: bool = False
    points: int = 10


class Own(msgspec.Struct, frozen=True):
    """What a text is worth by itself."""

    length: int = 0
    information: int = 0
    sources: int = 0


class Scored(msgspec.Struct):
    """A message as far as it has come. `replies` and `reactions` are halves; `punished_by` are rules, with commas."""

    seq: int
    group_id: int
    member_id: int
    day: date
    historic: bool = False
    length: int = 0
    information: int = 0
    sources: int = 0
    copy_of: int = 0
    replies: int = 0
    reactions: int = 0
    word: str = ""
    punished_by: str = ""

    def parts(self) -> dict[str, int]:
        """Named parts that are not zero, in the order of PARTS; they sum to the score."""
        found = {
            "length": self.length,
            "information": self.information,
            "sources": self.sources,
            "copied": -(self.length + self.information + self.sources) if self.copy_of else 0,
            "replies": min(REPLIES, self.replies * PER_REPLY // WHOLE),
            "reactions": min(REACTIONS, self.reactions * PER_REACTION // WHOLE),
        }
        so_far = sum(found.values())
        if self.punished_by:
            found["punished"] = -so_far
        elif self.word == DENIED:
            found["denied"] = -so_far
        elif self.word == MARKED:
            found["marked"] = MOST - so_far
        return {name: value for name, value in found.items() if value}

    @property
    def score(self) -> int:
        return sum(self.parts().values())

    def punish(self, rule: str) -> None:
        self.punished_by = ",".join(sorted({*filter(None, self.punished_by.split(",")), rule}))

    def pardon(self, rule: str) -> None:
        self.punished_by = ",".join(sorted({*filter(None, self.punished_by.split(","))} - {rule}))


def settings_from(blueprint: Mapping[str, Any]) -> QualitySettings:
    """The section `engagement.quality`; the points are those of a moderator's mark."""
    given = blueprint.get("engagement", {}).get("quality", {})
    defaults = QualitySettings()
    return QualitySettings(
        threshold=int(given.get("threshold", defaults.threshold)),
        award=bool(given.get("award", defaults.award)),
        points=int(blueprint.get("governance", {}).get("points", {}).get("quality_content", defaults.points)),
    )


def own_characters(text: str, links: Iterable[str]) -> str:
    """The letters, signs and digits of a text, without its links, spaces and marks."""
    for link in links:
        text = text.replace(link, " ")
    return "".join(filter(str.isalnum, text)).lower()


def own(characters: str, links: int) -> Own:
    """What `own_characters` are worth, with so many links to sources."""
    if not characters:
        return Own()
    alphabetic = sum(c < "\u2e80" for c in characters)
    weight = len(characters) - alphabetic + alphabetic / ALPHABETIC  # as many Chinese characters would say it
    pairs = len({characters[i : i + 2] for i in range(len(characters) - 1)})
    richness = pairs / max(1, len(characters) - 1)  # 1: nothing is repeated
    told = pairs * weight / len(characters)
    return Own(
        length=round(LENGTH * richness * min(1.0, weight / FULL_LENGTH)),
        information=round(INFORMATION * richness * min(1.0, told / FULL_INFORMATION)),
        sources=min(SOURCES, 6 + 4 * (links - 1)) if links and weight >= FEWEST_FOR_SOURCES else 0,
    )


def grams(characters: str) -> list[int]:
    """The text's marks: the smallest hashes of its pieces. Nearly equal texts share most of them."""
    if len(characters) < FEWEST_FOR_COPY:
        return []
    pieces = {characters[i : i + GRAM] for i in range(len(characters) - GRAM + 1)}
    return sorted({zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in pieces})[:KEPT_GRAMS]


def copied_from(marks: list[int], owners: Mapping[int, int]) -> int:
    """The message that most of the marks belong to, 0 when the text is new. Few marks must all be its."""
    held: dict[int, int] = {}
    for mark in marks:
        if (owner := owners.get(mark)) is not None:
            held[owner] = held.get(owner, 0) + 1
    if not held:
        return 0
    most = max(held.values())
    return min(seq for seq, n in held.items() if n == most) if most >= min(SAME_GRAMS, len(marks)) else 0


def support(times: int, back: int) -> int:
    """What the support for the `times`-th message of one author in a month counts, in halves.

    `back`: how often the author has supported the supporter in the same month.
    """
    if times > MONTHLY:
        return 0
    return HALF if back >= MUTUAL else WHOLE


def month_of(day: date) -> int:
    """Months are numbered through."""
    return day.year * 12 + day.month
