"""A seam: who is offered red packets. An experiment decides here and records the exposure."""

from collections.abc import Iterable


def eligible(community_id: int, members: Iterable[int], group_id: int) -> frozenset[int]:  # noqa: ARG001
    """Those of `members` to whom packets of this group are offered."""
    return frozenset(members)
