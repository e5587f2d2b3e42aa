"""The same world as in the walks, with people in it; nothing that is sent here may leave a trace in its log."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def world(transactional_db: None) -> Iterator[Any]:
    """A community with two members in its first group."""
    from tests.walks.world import World  # needs Django, which is ready only now

    made = World()
    try:
        made.join("小林", "小美")
        yield made
        made.check_what_always_holds()
    finally:
        made.close()
