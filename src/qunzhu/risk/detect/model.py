"""The shipped learned scores, read once in a process (docs/models/learned-score.md says what they learned from)."""

from functools import cache
from pathlib import Path

from qunzhu.risk.detect.linear import Linear, unpack

FILE = Path(__file__).with_name("weights.bin")


@cache
def shipped() -> dict[str, Linear]:
    """The models by category."""
    return unpack(FILE.read_bytes())
