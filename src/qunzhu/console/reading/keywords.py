"""The keyword library, a page at a time; 50,000 words cost what 50 cost."""

from collections.abc import Iterator

from django.db.models import Count, QuerySet

from qunzhu.console.reading.slices import Page, numbered
from qunzhu.risk.models import Keyword


def words(community_id: int, *, search: str, category: str, number: int) -> Page[Keyword]:
    """Fifty words in order; `search` is a part of the word, `category` may be "allow" for the allow-list."""
    return numbered(_query(community_id, search, category), number)


def everything(community_id: int, *, search: str, category: str) -> Iterator[Keyword]:
    """All words of a filter, streamed."""
    return _query(community_id, search, category).iterator(chunk_size=5_000)


def counts(community_id: int) -> dict[str, int]:
    """How many words each category has; "allow" counts the allow-list."""
    rows = Keyword.objects.filter(community_id=community_id).values("category", "allow").annotate(n=Count("word"))
    found: dict[str, int] = {}
    for row in rows.order_by():
        name = "allow" if row["allow"] else row["category"]
        found[name] = found.get(name, 0) + row["n"]
    return found


def _query(community_id: int, search: str, category: str) -> QuerySet[Keyword]:
    rows = Keyword.objects.filter(community_id=community_id).order_by("word")
    if search:
        rows = rows.filter(word__icontains=search)
    if category == "allow":
        rows = rows.filter(allow=True)
    elif category:
        rows = rows.filter(category=category, allow=False)
    return rows
