"""Parts of split characters (君羊) put together again (群), with a way back to the text."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from qunzhu.kernel.text.options import ordered
from qunzhu.kernel.text.verify import Candidate


class Joined(NamedTuple):
    """The normal form with parts of split characters put together, and where each character came from."""

    text: str
    spans: list[tuple[int, int]]
    made: frozenset[int]

    def back(self, entry: Any, seen: Candidate | None) -> Candidate | None:
        """The candidate's place in the normal form; None unless it holds a joined character and the word takes that."""
        if seen is None or "split" not in entry.options:
            return None
        if not any(index in self.made for index in range(seen.start, seen.end)):
            return None
        start, end = self.spans[seen.start][0], self.spans[seen.end - 1][1]
        return Candidate(start, end, ordered({*seen.variants, "split"}))


def join_splits(normal: str, parts: Iterable[tuple[int, int, str]], *, tries: int) -> list[Joined]:
    """Up to `tries` ways to join split characters: leftmost, longest; the n-th with the n-th reading of each place."""
    places: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for start, end, character in parts:
        here = places[start][end]
        if character not in here:
            here.append(character)
    found: list[Joined] = []
    for number in range(tries):
        joined, more = _join(normal, places, number)
        if not found or joined.text != found[-1].text:
            found.append(joined)
        if not more:
            break
    return found


def _join(normal: str, places: dict[int, dict[int, list[str]]], number: int) -> tuple[Joined, bool]:
    text: list[str] = []
    spans: list[tuple[int, int]] = []
    made: set[int] = set()
    more = False
    at = 0
    while at < len(normal):
        ends = places.get(at)
        if ends is None:
            text.append(normal[at])
            spans.append((at, at + 1))
            at += 1
            continue
        choices = [(end, character) for end in sorted(ends, reverse=True) for character in ends[end]]
        more = more or len(choices) > number + 1
        end, character = choices[min(number, len(choices) - 1)]
        made.add(len(text))
        text.append(character)
        spans.append((at, end))
        at = end
    return Joined("".join(text), spans, frozenset(made)), more
