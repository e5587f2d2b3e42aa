"""Every row lock of the rulebook."""

from qunzhu.kernel.engine.models import RulebookDraft


def lock_draft(community_id: int, draft_id: int) -> RulebookDraft:
    """The draft, locked until commit. Raises RulebookDraft.DoesNotExist."""
    return RulebookDraft.objects.select_for_update().get(community_id=community_id, pk=draft_id)
