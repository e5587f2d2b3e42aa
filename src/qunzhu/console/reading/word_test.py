"""The test box: which words of the library a sentence hits, and where."""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

from qunzhu.kernel.events.models import Event
from qunzhu.kernel.text.keywords import Hit, KeywordLibrary, Word
from qunzhu.kernel.text.normalise import normalise, original_span
from qunzhu.risk.models import Keyword

_LIBRARIES: OrderedDict[int, tuple[int, KeywordLibrary]] = OrderedDict()
_KEPT = 8


@dataclass(frozen=True)
class Piece:
    """A stretch of the sentence; `hits` are the words found there (none: plain text)."""

    text: str
    hits: tuple[Hit, ...]

    @property
    def level(self) -> str:
        levels = {hit.level for hit in self.hits}
        return next((name for name in ("red", "orange", "yellow") if name in levels), "")


def library(community_id: int) -> KeywordLibrary:
    """The library as an automaton, kept until a word changes: one small query, two after a change."""
    changed = Event.objects.filter(community_id=community_id, kind="keywords.changed").order_by("-seq")
    seq = changed.values_list("seq", flat=True).first() or 0
    kept = _LIBRARIES.get(community_id)
    if kept is None or kept[0] != seq:
        fields = ("word", "category", "level", "allow", "options")
        rows = Keyword.objects.filter(community_id=community_id).values_list(*fields)
        kept = (seq, KeywordLibrary(Word(*row) for row in rows.iterator(chunk_size=10_000)))
        _LIBRARIES[community_id] = kept
    _LIBRARIES.move_to_end(community_id)
    while len(_LIBRARIES) > _KEPT:
        _LIBRARIES.popitem(last=False)
    return kept[1]


def pieces(text: str, hits: tuple[Hit, ...]) -> list[Piece]:
    """The sentence cut where hits begin and end, in the original characters; overlapping hits share a piece."""
    spans = [(*original_span(text, hit.start, hit.end), hit) for hit in hits]
    edges = sorted({0, len(text), *(s for s, _, _ in spans), *(e for _, e, _ in spans)})
    cut = []
    for start, end in pairwise(edges):
        here = tuple(hit for s, e, hit in spans if s <= start and end <= e)
        cut.append(Piece(text[start:end], here))
    return cut


@dataclass(frozen=True)
class Tried:
    """What a sentence hits, and what the allow-list let pass (each with the word that did)."""

    pieces: list[Piece]
    hits: tuple[Hit, ...]
    passed: tuple[tuple[Hit, str], ...]


NOTHING = Tried([], (), ())


def try_sentence(community_id: int, text: str) -> Tried:
    """Pieces of the sentence and all hits, in order."""
    hits, passed = library(community_id).look(normalise(text), text)
    return Tried(pieces(text, hits), hits, passed)
