"""Grant and end ad clearances (报备): facts for the log, by which the consumer `order` judges from then on."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from django.db import transaction

from qunzhu.kernel.engine.clearances import granted_body
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


@transaction.atomic
def grant_clearance(  # noqa: PLR0913  (a grant is described once, by name)
    *,
    community_id: int,
    member: int | None,
    until: datetime,
    by: str,
    now: datetime,
    since: datetime | None = None,
    group: int | None = None,
    link: str = "",
    links: Sequence[str] = (),
    text: str = "",
    images: Sequence[str] = (),
    name: str = "",
) -> int:
    """Clear an ad without a request: by links, text, pictures, or (none of these) all of a member's; returns its seq.

    `member` None clears it for everyone, which needs a link or a text. Raises ValueError.
    """
    if until <= now:
        raise ValueError("报备的截止时间已经过去")
    body = granted_body(
        member=member, until=until, by=by, since=since, group=group, text=text,
        links=[*([link] if link else []), *links], images=images, name=name,
    )  # fmt: skip
    event = NewEvent(
        community_id, event_id("clearance.granted", community_id, uuid4()), "clearance.granted", now, body,
        member_id=member,
    )  # fmt: skip
    return log.append(raw_connection(), [event], now=now)[0].seq


@transaction.atomic
def end_clearance(*, community_id: int, granted: int, by: str, now: datetime) -> int:
    """Close the window of the clearance granted at seq `granted` early; a second time is the same event."""
    event = NewEvent(
        community_id,
        event_id("clearance.ended", community_id, granted),
        "clearance.ended",
        now,
        {"granted": granted, "by": by},
    )
    return log.append(raw_connection(), [event], now=now)[0].seq
