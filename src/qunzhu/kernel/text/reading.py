"""One message as the rules read it: every part is worked out when first asked for, and once."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from qunzhu.kernel.text.ads import SIGNAL_WORDS, ad_reasons
from qunzhu.kernel.text.keywords import Hit, KeywordLibrary, Word
from qunzhu.kernel.text.links import canonical_links
from qunzhu.kernel.text.normalise import normalise, text_digest


class Reading:
    """A text, read against a library made by `library_of`."""

    def __init__(self, text: str, library: KeywordLibrary, given_links: Sequence[str] = ()) -> None:
        self.text = text
        self.normal = normalise(text)
        self._library = library
        self._given_links = given_links

    @cached_property
    def found(self) -> tuple[Hit, ...]:
        """All hits: the community's words and the signal words of `ads.py`."""
        return self._library.find(self.normal)

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The community's own words only."""
        found = self.found
        return tuple(h for h in found if not h.category.startswith("signal.")) if found else found

    @cached_property
    def links(self) -> tuple[str, ...]:
        """Canonical links, each once."""
        if not self._given_links and "." not in self.normal:
            return ()
        text = self.text if self.text.isascii() else _narrow(self.text)
        return canonical_links(text, self._given_links)

    @cached_property
    def ad_reasons(self) -> tuple[str, ...]:
        """Why it looks like an ad; empty when it does not."""
        return ad_reasons(self.normal, self.found, self.links) if self.found else ()

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
