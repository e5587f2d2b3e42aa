"""Acts of simulated people as events for the log: historic, so that nobody is punished for what never happened."""

from collections.abc import Iterable, Iterator, Mapping

from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.simulation.month import CONNECTOR, Act


def as_events(
    acts: Iterable[Act], *, community_id: int, group_id: int, member_ids: Mapping[int, int]
) -> Iterator[NewEvent]:
    """One event per act; `member_ids` maps a person's number to the member. Ids are derived: twice is once."""
    for act in acts:
        body = act.body if act.about is None else {**act.body, "target": member_ids[act.about]}
        fact = body.get("platform_id") or act.at.isoformat()
        yield NewEvent(
            community_id,
            event_id(CONNECTOR, group_id, act.kind, act.who, fact),
            act.kind,
            act.at,
            body,
            group_id,
            member_ids[act.who],
            CONNECTOR,
            historic=True,
        )
