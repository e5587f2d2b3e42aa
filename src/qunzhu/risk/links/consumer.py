"""Consumer `links`: a job for each short link not seen before, where the community wants to know."""

from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.text.links import canonical_links, is_short
from qunzhu.risk.links.services import note


def handle(batch: Batch) -> None:
    """Defer the jobs; they run only when this batch is committed."""
    if batch.rebuilding:
        return
    found: dict[str, int] = {}
    for event in batch.events:
        text = event.body.get("text") or ""
        if event.historic or ("." not in text and not event.body.get("links")):
            continue
        for link in canonical_links(text, event.body.get("links") or ()):
            if is_short(link):
                found.setdefault(link, event.seq)
    if not found or not blueprint_of(batch.community_id).get("risk", {}).get("links", {}).get("resolve_short"):
        return
    from qunzhu.risk.tasks import resolve_link

    for link in note(batch.community_id, found.items(), now=batch.now):
        resolve_link.defer(community_id=batch.community_id, link=link)


CONSUMER = Consumer("links", handle, kinds=frozenset({"message.posted"}))
