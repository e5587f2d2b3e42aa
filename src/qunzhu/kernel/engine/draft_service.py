"""Working on the next rulebook: begin, save, discard, bring back, publish. One draft a community is open at a time.

Who saves says which revision he looked at. When another one was saved meanwhile nothing is changed and `DraftMoved`
says who did, so that nobody's work is overwritten unseen.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from qunzhu.kernel.community.models import Community
from qunzhu.kernel.engine.locks import lock_draft
from qunzhu.kernel.engine.models import RulebookDraft, RulebookVersion
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.engine.rules import compile_rulebook, load_rules, load_settings


class DraftMoved(ValueError):
    """Somebody else changed the draft meanwhile; `draft` is what it is now."""

    def __init__(self, draft: RulebookDraft) -> None:
        super().__init__(f"{draft.changed_by} changed the draft (revision {draft.revision}, {draft.state})")
        self.draft = draft


class RulebookMoved(ValueError):
    """Another version was published meanwhile; `version` is the live one (0: none)."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} is live by now")
        self.version = version


def open_draft(community_id: int) -> RulebookDraft | None:
    """The draft that is being worked on, or None."""
    return RulebookDraft.objects.filter(community_id=community_id, state=RulebookDraft.State.OPEN).first()


def live_version(community_id: int) -> RulebookVersion | None:
    """The rulebook in force, or None."""
    return RulebookVersion.objects.filter(community_id=community_id, state=RulebookVersion.State.LIVE).first()


@transaction.atomic
def do_start_draft(*, community_id: int, by: str, now: datetime, version: int | None = None) -> RulebookDraft:
    """The open draft; a new one from the live rulebook (or from `version`) when there is none."""
    community = Community.objects.select_for_update(no_key=True).get(pk=community_id)  # two people begin at once
    found = open_draft(community_id)
    if found is not None:
        return found
    live = live_version(community_id)
    source = live
    if version is not None:
        source = RulebookVersion.objects.get(community_id=community_id, version=version)
    settings = source.settings if source else _plain_settings({"zone": community.timezone})
    return RulebookDraft.objects.create(
        community_id=community_id,
        base_version=live.version if live else 0,
        rules=source.rules if source else [],
        settings=settings,
        created_by=by,
        created_at=now,
        changed_by=by,
        changed_at=now,
    )


@transaction.atomic
def do_save_draft(
    *,
    community_id: int,
    draft_id: int,
    revision: int,
    rules: Sequence[dict[str, Any]],
    settings: dict[str, Any] | None,
    by: str,
    now: datetime,
) -> RulebookDraft:
    """Keep the draft as it is now; `settings` None: as they were.

    Raises RulebookInvalid or DraftMoved, nothing changed.
    """
    draft = _unmoved(community_id, draft_id, revision)
    zone = draft.settings.get("zone")
    wanted = {**(draft.settings if settings is None else settings), **({"zone": zone} if zone else {})}
    plain = _plain_settings(wanted)
    compile_rulebook(load_rules(list(rules)), settings=load_settings(plain))
    if list(rules) == draft.rules and plain == draft.settings:
        return draft
    draft.rules, draft.settings = list(rules), plain
    _move(draft, by, now)
    return draft


@transaction.atomic
def do_discard_draft(*, community_id: int, draft_id: int, revision: int, by: str, now: datetime) -> RulebookDraft:
    """Put the draft aside; `do_restore_draft` brings it back. Raises DraftMoved."""
    draft = _unmoved(community_id, draft_id, revision)
    draft.state = RulebookDraft.State.DISCARDED
    _move(draft, by, now)
    return draft


@transaction.atomic
def do_restore_draft(*, community_id: int, draft_id: int, by: str, now: datetime) -> RulebookDraft:
    """Take a discarded draft up again. Raises DraftMoved when another one is open or this one was never discarded."""
    Community.objects.select_for_update(no_key=True).get(pk=community_id)
    draft = lock_draft(community_id, draft_id)
    if draft.state != RulebookDraft.State.DISCARDED:
        raise DraftMoved(draft)
    if (other := open_draft(community_id)) is not None:
        raise DraftMoved(other)
    draft.state = RulebookDraft.State.OPEN
    _move(draft, by, now)
    return draft


@transaction.atomic
def do_publish_draft(
    *, community_id: int, draft_id: int, revision: int, live: int, by: str, note: str = "", now: datetime
) -> RulebookVersion:
    """Make the draft the live rulebook; `live` is the version that the publisher compared it with.

    Raises DraftMoved, RulebookMoved or RulebookInvalid, nothing changed.
    """
    Community.objects.select_for_update(no_key=True).get(pk=community_id)
    draft = _unmoved(community_id, draft_id, revision)
    current = live_version(community_id)
    if (current.version if current else 0) != live:
        raise RulebookMoved(current.version if current else 0)
    published = publish_rulebook(
        community_id=community_id, rules=draft.rules, settings=draft.settings, by=by, note=note, now=now
    )
    draft.state = RulebookDraft.State.PUBLISHED
    _move(draft, by, now)
    return published


def _plain_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Every setting written out, as it comes back from the database."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(load_settings(settings)))
    return plain


def _unmoved(community_id: int, draft_id: int, revision: int) -> RulebookDraft:
    draft = lock_draft(community_id, draft_id)
    if draft.state != RulebookDraft.State.OPEN or draft.revision != revision:
        raise DraftMoved(draft)
    return draft


def _move(draft: RulebookDraft, by: str, now: datetime) -> None:
    draft.revision += 1
    draft.changed_by, draft.changed_at = by, now
    draft.save(update_fields=["rules", "settings", "state", "revision", "changed_by", "changed_at"])
