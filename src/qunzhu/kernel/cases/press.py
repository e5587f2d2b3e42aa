"""A pressed button and what comes of it: what every act of a case is written in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.connectors.port import Detail
from qunzhu.kernel.events.schema import NewEvent


@dataclass
class Outcome:
    """Events to append before `case.decided`, and facts that its body carries besides.

    `forget`: what was written at the press is not kept, because it may name somebody who was just erased.
    """

    events: list[NewEvent] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    forget: bool = False


@dataclass(frozen=True)
class Press:
    """One pressed button: the locked case, who pressed, what they wrote, what a page of its own asked for."""

    case: Case
    action: str
    user: str
    note: str
    now: datetime
    choices: dict[str, Any] = field(default_factory=dict)
    detail: Detail | None = None  # of the effect of a task, when it was no person who pressed


class Unchosen(ValueError):
    """What was chosen cannot be done; the message says what to choose instead."""


Act = Callable[[Press], Outcome]
