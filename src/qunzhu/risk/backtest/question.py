"""What a backtest is asked: which rulebook, over which stretch of which community's log, against what."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from qunzhu.kernel.engine.rules import Compiled, compile_rulebook, load_rules, load_settings
from qunzhu.risk.backtest.replay import Stretch

Against = Literal["recorded", "rulebook", "nothing"]


class Rulebook(msgspec.Struct, frozen=True):
    """A rulebook as plain data, with the number of its version (0: a draft)."""

    rules: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    version: int = 0

    @property
    def digest(self) -> str:
        """What makes two rulebooks equal."""
        plain = msgspec.json.encode({"rules": self.rules, "settings": self.settings}, order="sorted")
        return hashlib.sha256(plain).hexdigest()

    def compile(self) -> Compiled:
        """Raises RulebookInvalid."""
        return compile_rulebook(load_rules(self.rules), version=self.version, settings=load_settings(self.settings))


class Question(msgspec.Struct, frozen=True):
    """What is asked. `upto` is the last event of the log that counts, so that the answer stays the same later.

    `against` "recorded" compares with what was decided at the time, "rulebook" with what `other` would have decided,
    "nothing" shows everything as new. The last two treat imported history as if it had been live.
    `words_of_today` judges by the keywords of `upto` instead of those of the time.
    """

    community_id: int
    rulebook: Rulebook
    stretch: Stretch
    upto: int
    group_id: int | None = None
    against: Against = "recorded"
    other: Rulebook | None = None
    words_of_today: bool = False
