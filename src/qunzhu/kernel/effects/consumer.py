"""Closes the loop of effects that a human was asked to do: what a platform reports confirms the open task.

Hears: what was done by hand on a platform (member.removed, member.left, member.muted, group.announced, group.frozen,
group.unfrozen, group.closed, group.reopened, message.recalled), and penalty.reversed. Writes: case.decided, effect.done
(through the case's own button). Whoever is out of the group need not be warned or muted any more, and what a reversed
penalty asked for need not be done: those tasks end with it.
"""

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import decide_case
from qunzhu.kernel.connectors.port import detail
from qunzhu.kernel.effects.details import WORDS
from qunzhu.kernel.effects.locks import lock_open_tasks, lock_tasks_of
from qunzhu.kernel.effects.undo import WITHDRAWN, effects_of
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event

# platform event → the effects that it fulfils
FULFILS: dict[str, tuple[str, ...]] = {
    "member.removed": ("remove", "move"),
    "member.left": ("remove", "move"),
    "member.muted": ("mute",),
    "group.announced": ("announce",),
    "group.frozen": ("freeze",),
    "group.unfrozen": ("unfreeze",),
    "group.closed": ("close",),
    "group.reopened": ("reopen",),
    "message.recalled": ("recall",),
}
# for members who are out of the group these have no object any more
POINTLESS = ("warn", "mute", "unmute")
PLATFORM = "平台通知"


def handle(batch: Batch) -> None:
    """Nothing here is a projection: a rebuild and imported history leave tasks alone."""
    if batch.rebuilding:
        return
    for event in batch.events:
        if event.kind == "penalty.reversed":
            _end_reversed(batch, event)
            continue
        # An event with an effect is the product's own act, which no human was asked for.
        if event.group_id is not None and not event.historic and not event.body.get("effect"):
            _confirm(batch, event, event.group_id)
        if event.group_id is not None and not event.historic and "remove" in FULFILS[event.kind]:
            _end_pointless(batch, event, event.group_id)


def _confirm(batch: Batch, event: Event, group_id: int) -> None:
    case_ids: list[int] = []
    for kind in FULFILS[event.kind]:
        case_ids += lock_open_tasks(
            batch.connection,
            batch.community_id,
            group_id=group_id,
            kind=kind,
            member_id=event.member_id if event.kind.startswith("member.") else None,
            seq=event.body["target"] if kind == "recall" else None,
        )
    _decide(batch, case_ids, "mark_done", "left_by_self" if event.kind == "member.left" else "done_by_hand")


def _end_pointless(batch: Batch, event: Event, group_id: int) -> None:
    """It was not done and cannot be: the button says so, and the note why."""
    code = "pointless_left" if event.kind == "member.left" else "pointless_removed"
    for kind in POINTLESS:
        case_ids = lock_open_tasks(
            batch.connection, batch.community_id, group_id=group_id, kind=kind, member_id=event.member_id, seq=None
        )
        _decide(batch, case_ids, "cannot", code)


def _end_reversed(batch: Batch, event: Event) -> None:
    """Nobody is to carry out by hand what has been taken back."""
    if not event.body or event.historic:
        return
    case_ids = lock_tasks_of(
        batch.connection, batch.community_id, effects_of(event.body["cause_seq"], event.body["rule"],
        event.body.get("of_case")),
    )  # fmt: skip
    _decide(batch, case_ids, "cannot", WITHDRAWN, by=event.body["by"])


def _decide(batch: Batch, case_ids: list[int], action: str, code: str, *, by: str = PLATFORM) -> None:
    open_cases = Case.objects.filter(community_id=batch.community_id, pk__in=case_ids, state=Case.State.OPEN)
    for case in open_cases.order_by("pk"):
        decide_case(
            community_id=batch.community_id,
            case_id=case.pk,
            action=action,
            user=by,
            role="owner",
            version=case.version,
            note=WORDS[code],
            came_of_it=detail(code),
            now=batch.now,
        )


CONSUMER = Consumer("effects", handle, kinds=frozenset({*FULFILS, "penalty.reversed"}))
