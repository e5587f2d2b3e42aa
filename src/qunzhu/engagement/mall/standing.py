"""What other parts of the chapter say of a member: the level, and whether the mall is there for them.

Both are seams: levels and experiments replace what these return, and nothing else of the mall changes.
"""

from collections.abc import Callable

LevelOf = Callable[[int, int], int]


def no_level(community_id: int, member_id: int) -> int:  # noqa: ARG001  (the signature of LevelOf)
    """Without levels everybody is at level 0: goods that ask for a level are shown and cannot be redeemed."""
    return 0


def level_of(community_id: int, member_id: int) -> int:
    """The member's level as a number, 0 the lowest."""
    return no_level(community_id, member_id)


def eligible(community_id: int, member_id: int, group_id: int | None = None) -> bool:  # noqa: ARG001
    """Whether the mall is offered to this member; an experiment decides here and records the exposure."""
    return True
