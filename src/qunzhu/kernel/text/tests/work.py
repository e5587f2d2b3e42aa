"""Work counted instead of timed: the same on every machine, however busy it is."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def lines_run(action: Callable[[], object]) -> int:
    """How many lines of Python `action` runs, those of everything it calls included."""
    count = 0

    def count_lines(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return count_lines

    before = sys.gettrace()
    sys.settrace(count_lines)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def grows_with_length(action: Callable[[str], object], text: str) -> bool:
    """Whether `text` twice takes about twice the work of `text` once; more says that a square hides in there."""
    action(text[:100])  # caches are filled by whoever comes first
    once, twice = (lines_run(lambda body=body: action(body)) for body in (text, text + text))  # type: ignore[misc]
    return twice <= 2.2 * once + 1_000
