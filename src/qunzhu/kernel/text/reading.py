"""One message as the rules read it: every part is worked out when first asked for, and once."""

from collections.abc import Iterable, Sequence

from qunzhu.kernel.text.ads import SIGNAL_WORDS, ad_reasons
from qunzhu.kernel.text.contacts import Contact, find_contacts
from qunzhu.kernel.text.keywords import Hit, KeywordLibrary, Word
from qunzhu.kernel.text.links import canonical_links, may_hold_links
from qunzhu.kernel.text.normalise import normalise, text_digest
from qunzhu.kernel.text.shape import shape
from qunzhu.kernel.text.similar import text_keys
from qunzhu.kernel.text.sound import sounds


class Reading:
    """A text, read against a library made by `library_of`."""

    __slots__ = (
        "_codes", "_contacts", "_found", "_given_links", "_keys", "_library", "_links", "_passed", "_reasons", "normal",
        "text",
    )  # fmt: skip

    def __init__(
        self, text: str, library: KeywordLibrary, given_links: Sequence[str] = (), codes: Sequence[str] = ()
    ) -> None:
        self.text = text
        self.normal = normalise(text)
        self._library = library
        self._given_links = given_links
        self._codes = codes
        self._contacts: tuple[Contact, ...] | None = None
        self._keys: tuple[int, ...] | None = None
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
            if self._given_links or may_hold_links(self.normal):
                self._links = canonical_links(self.text, self._given_links)
            else:
                self._links = ()
        return self._links

    @property
    def passed(self) -> tuple[tuple[Hit, str], ...]:
        """Hits of the community's words that an allow-listed word (beside each) let pass."""
        self.found  # noqa: B018  (asking is what works it out)
        return tuple(p for p in self._passed if not p[0].category.startswith("signal."))

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """Ways to reach somebody outside the group, those in QR codes included."""
        if self._contacts is None:
            self._contacts = find_contacts(self.normal, self.links, self._codes)
        return self._contacts

    @property
    def sounds(self) -> str:
        """The text as it sounds: equal for homophones and pinyin (see `sound.py`)."""
        return sounds(self.normal)

    @property
    def shape(self) -> str:
        """The text without decoration: noise, repeats, styles and look-alikes folded (see `shape.py`)."""
        return shape(self.normal)

    @property
    def keys(self) -> tuple[int, ...]:
        """What makes near-duplicates equal (see `similar.py`): the first key is the text's own."""
        if self._keys is None:
            self._keys = text_keys(self.normal, self.shape)
        return self._keys

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
