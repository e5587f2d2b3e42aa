"""For whom tasks are there: the seam where an experiment decides and records the exposure."""


def eligible(community_id: int, member_id: int, group_id: int | None = None) -> bool:  # noqa: ARG001
    """Whether tasks are offered to this member."""
    return True
