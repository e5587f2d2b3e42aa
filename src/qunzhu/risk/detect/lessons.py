"""What moderators taught a community: verdicts on single texts, and the scores that follow from them.

The taught score is a function of the set of lessons, however it came about: taking a lesson back leaves exactly what
there would be without it. Nobody can poison it alone: the same text counts once, one author's texts count a few
times, one teacher's verdicts are at most so many, and the shipped score keeps its say until there are hundreds.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk.detect.grams import grams
from qunzhu.risk.detect.linear import Example, Linear, fit, quantised
from qunzhu.risk.detect.ordinary import SENTENCES

MOST_LESSONS = 3_000  # of a category; the latest count
MOST_OF_AUTHOR = 10  # of one author and verdict; a member cannot teach by being judged again and again
MOST_OF_TEACHER = 1_000
FEWEST = 5  # lessons before anything changes
FAR = -1.0  # the margin of a text that looks like nothing: so far a few lessons can move it
_TRUST = 500.0  # with so many lessons the shipped score counts half
_EPOCHS = 10


class Lesson(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One verdict on one text: its message, the category, whether it was one, who wrote it, who judged, its grams."""

    seq: int
    category: str
    positive: bool
    author: int
    teacher: str
    known: float  # margin of the score without lessons, when it was judged
    grams: tuple[int, ...]


class Taught(msgspec.Struct, frozen=True):
    """A community's own score for a category: how much the shipped score still counts, and what is added."""

    trust: float
    linear: Linear

    def margin(self, grams: Collection[int]) -> float:
        return self.linear.margin(grams)


class Lessons(msgspec.Struct):
    """All lessons of a community, one for each (message, category)."""

    known: dict[tuple[int, str], Lesson] = msgspec.field(default_factory=dict)

    def learn(self, lesson: Lesson) -> None:
        """Take a lesson, in the place of an earlier one on the same message."""
        self.known[lesson.seq, lesson.category] = lesson

    def unlearn(self, seq: int, category: str) -> bool:
        """Forget the lesson on a message; whether there was one."""
        return self.known.pop((seq, category), None) is not None

    def forget_author(self, author: int) -> bool:
        """Forget what was learned from one author's texts; whether there was anything."""
        gone = [key for key, lesson in self.known.items() if lesson.author == author]
        for key in gone:
            del self.known[key]
        return bool(gone)

    def taught(self) -> dict[str, Taught]:
        """The scores that follow, by category."""
        return {
            category: score
            for category in sorted({c for _, c in self.known})
            if (score := taught(les for (_, c), les in self.known.items() if c == category)) is not None
        }


def taught(lessons: Iterable[Lesson], most: int = MOST_LESSONS) -> Taught | None:
    """The score of one category; None while there are too few lessons."""
    counted = chosen(sorted(lessons, key=lambda les: les.seq), most)
    if len(counted) < FEWEST:
        return None
    trust = _TRUST / (_TRUST + len(counted))
    anchors = [Example(found, positive=False, margin=FAR * trust) for found in _anchors()]
    # Whatever reaches a human was flagged: of such a text nothing would be left to learn, and the harmless ones alone
    # would push every score down. So a case counts as if it were not known yet, and holds up what it has in common.
    examples = [
        Example(les.grams, les.positive, 1.0, (min(les.known, 0.0) if les.positive else les.known) * trust)
        for les in counted
    ]
    return Taught(trust, quantised(*fit([*anchors, *examples], epochs=_EPOCHS)))


def chosen(lessons: Sequence[Lesson], most: int = MOST_LESSONS) -> list[Lesson]:
    """Which of `lessons` (in order of seq) count; the latest of those that are too many."""
    kept: list[Lesson] = []
    texts: set[tuple[int, ...]] = set()
    authors: Counter[tuple[int, bool]] = Counter()
    teachers: Counter[str] = Counter()
    for lesson in reversed(lessons):
        if lesson.grams in texts or not lesson.grams:
            continue
        if lesson.author and authors[lesson.author, lesson.positive] >= MOST_OF_AUTHOR:
            continue
        if teachers[lesson.teacher] >= MOST_OF_TEACHER:
            continue
        texts.add(lesson.grams)
        authors[lesson.author, lesson.positive] += 1
        teachers[lesson.teacher] += 1
        kept.append(lesson)
        if len(kept) == most:
            break
    kept.reverse()
    return kept


_ANCHORS: list[tuple[int, ...]] = []


def _anchors() -> Sequence[tuple[int, ...]]:
    if not _ANCHORS:
        _ANCHORS.extend(tuple(grams(normalise(sentence))) for sentence in SENTENCES)
    return _ANCHORS


encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Lesson]).decode


def pack(lessons: Lessons) -> bytes:
    """Lessons as they are kept; equal for equal sets of lessons."""
    return encode([lesson for _, lesson in sorted(lessons.known.items())])


def unpack(blob: bytes) -> Lessons:
    """What `pack` wrote; nothing for b""."""
    found = _decode(blob) if blob else []
    return Lessons({(lesson.seq, lesson.category): lesson for lesson in found})


def own_words(body: Mapping[str, object]) -> str:
    """What the author of a message said: without what is quoted or forwarded. "" when that is nothing."""
    if body.get("type") in {"forward", "merged", "image", "file"}:
        return ""
    lines = str(body.get("text") or "").split("\n")
    for number, line in enumerate(lines):
        if line.strip().startswith("- - - -"):  # 「quoted」 stands above such a line in exports
            lines = lines[number + 1 :]
            break
    said = [line for line in lines if not line.lstrip().startswith((">", "＞"))]
    text = "\n".join(said).strip()
    return "" if text.startswith(("[转发]", "转发:", "转发：", "[聊天记录]", "【转发】")) else text
