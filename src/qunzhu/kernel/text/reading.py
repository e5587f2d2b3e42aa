"""One message as the rules read it: every part is worked out when first asked for, and once."""

from collections.abc import Iterable, Sequence

from qunzhu.kernel.text.ads import SIGNAL_WORDS, ad_reasons
from qunzhu.kernel.text.keywords import Hit, KeywordLibrary, Word
from qunzhu.kernel.text.links import canonical_links
from qunzhu.kernel.text.normalise import normalise, text_digest


class Reading:
    """A text, read against a library made by `library_of`."""

    __slots__ = ("_found", "_given_links", "_library", "_links", "_passed", "_reasons", "normal", "text")

    def __init__(self, text: str, library: KeywordLibrary, given_links: Sequence[str] = ()) -> None:
        self.text = text
        self.normal = normalise(text)
        self._library = library
        self._given_links = given_links
        self._found: tuple[Hit, ...] | None = None
        self._links: tuple[str, ...] | None = None
        self._passed: tuple[tuple[Hit, str], ...] = ()
        self._reasons: tuple[str, ...] | None = None

    @property
    def found(self) -> tuple[Hit, ...]:
        """All hits: the community's words and the signal words of `ads.py`."""
        if self._found is None:
            self._found, self._passed = self._library.look(self.normal, self.text)
        return self._found

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The community's own words only."""
        found = self.found
        return tuple(h for h in found if not h.category.startswith("signal.")) if found else found

    @property
    def links(self) -> tuple[str, ...]:
        """Canonical links, each once."""
        if self._links is None:
            if self._given_links or "." in self.normal:
                text = self.text if self.text.isascii() else _narrow(self.text)
                self._links = canonical_links(text, self._given_links)
            else:
                self._links = ()
        return self._links

    @property
    def ad_reasons(self) -> tuple[str, ...]:
        """Why it looks like an ad; empty when it does not."""
        if self._reasons is None:
            self._reasons = ad_reasons(self.normal, self.found, self.links) if self.found else ()
        return self._reasons

    @property
    def digest(self) -> str:
        """What makes two texts equal (see `normalise.text_digest`)."""
        return text_digest(self.text)


# Full-width ASCII to ASCII: links keep their case and everything else keeps its form.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


def _narrow(text: str) -> str:
    return text.translate(_NARROW)


def library_of(words: Iterable[Word]) -> KeywordLibrary:
    """The community's words together with the product's signal words, as one automaton."""
    return KeywordLibrary([*words, *SIGNAL_WORDS])


def read_all(texts: Iterable[str], library: KeywordLibrary) -> list[Reading]:
    """Read many messages: normal form, keywords and links of each are ready in the result."""
    readings = [Reading(text, library) for text in texts]
    for reading in readings:
        reading.found  # noqa: B018  (asking is what works it out)
        reading.links  # noqa: B018
    return readings
