"""The shipped learned scores, read once in a process (docs/models/learned-score.md says what they learned from)."""

from functools import cache
from pathlib import Path

from qunzhu.risk.detect.linear import LANES, Linear, Panel, unpack

FILE = Path(__file__).with_name("weights.bin")


@cache
def shipped() -> dict[str, Linear]:
    """The models by category."""
    return unpack(FILE.read_bytes())


@cache
def panels() -> dict[str, Panel]:
    """Category → the table in which its model stands with others."""
    models = shipped()
    found: dict[str, Panel] = {}
    names = sorted(models)
    for at in range(0, len(names), LANES):
        part = names[at : at + LANES]
        found |= dict.fromkeys(part, Panel({name: models[name] for name in part}))
    return found
