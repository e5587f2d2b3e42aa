"""Tasks of the chapter, found by procrastinate because this module is called `tasks`."""

from procrastinate.contrib.django import app

from qunzhu.kernel.clock import SYSTEM_CLOCK


@app.task(name="risk.write_evidence", queue="console")
def write_evidence(community_id: int, incident: int) -> None:
    """Write the evidence bundle of an incident."""
    from qunzhu.risk.incident import services

    services.write_evidence(community_id=community_id, seq=incident, now=SYSTEM_CLOCK.now())


@app.task(name="risk.resolve_link", queue="console")
def resolve_link(community_id: int, link: str) -> None:
    """Find out where a short link leads."""
    from qunzhu.risk.links.services import resolve

    resolve(community_id=community_id, link=link, now=SYSTEM_CLOCK.now())
