"""Whether honours are offered to a member: a seam that an experiment replaces."""


def eligible(community_id: int, member_id: int, group_id: int | None = None) -> bool:  # noqa: ARG001
    """An experiment decides here and records the exposure."""
    return True
