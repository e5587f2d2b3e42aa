"""Whether the programme is there for a member: the seam where an experiment decides and records the exposure."""


def eligible(community_id: int, member_id: int, group_id: int | None = None) -> bool:  # noqa: ARG001
    """Whether this member takes part in debates and polls."""
    return True
