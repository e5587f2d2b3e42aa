"""One run of a community at a time."""

from qunzhu.engagement.levels.models import LevelRun


def lock_run(community_id: int) -> LevelRun | None:
    """The latest run, locked until the transaction ends; None before the first."""
    return LevelRun.objects.select_for_update().filter(community_id=community_id).order_by("-day").first()
