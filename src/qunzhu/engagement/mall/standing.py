"""What other parts of the chapter say of a member: the level, and whether the mall is there for them.

`eligible` is a seam: experiments replace what it returns, and nothing else of the mall changes.
"""

from collections.abc import Callable

from qunzhu.engagement.levels.selectors import level_of

__all__ = ["LevelOf", "eligible", "level_of"]

LevelOf = Callable[[int, int], int]


def eligible(community_id: int, member_id: int, group_id: int | None = None) -> bool:  # noqa: ARG001
    """Whether the mall is offered to this member; an experiment decides here and records the exposure."""
    return True
