"""The world that every story happens in; see world.py."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def world(transactional_db: None) -> Iterator[Any]:
    """A community with nobody in it yet; after the story, what always holds is checked."""
    from tests.walks.world import World  # needs Django, which is ready only now

    made = World()
    try:
        yield made
        made.check_what_always_holds()
    finally:
        made.close()
