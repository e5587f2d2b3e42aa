"""Publishing a rulebook: checked first, never edited afterwards, announced in the log."""

from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Max

from qunzhu.kernel.community.models import Community
from qunzhu.kernel.engine.case_check import check_cases
from qunzhu.kernel.engine.models import RulebookVersion
from qunzhu.kernel.engine.rules import compile_rulebook, load_rules, load_settings
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


@transaction.atomic
def publish_rulebook(
    *,
    community_id: int,
    rules: list[dict[str, Any]],
    settings: dict[str, Any] | None = None,
    by: str,
    note: str = "",
    now: datetime,
) -> RulebookVersion:
    """Make `rules` (plain data) the live rulebook; the one before is retired. Raises RulebookInvalid, nothing changed.

    `settings` are those of `engine/rules.py:Settings`; without them the ones of the version before hold. The zone is
    the community's own. From the event on, the consumer `order` judges by the new version.
    """
    # Not a full lock: who joins meanwhile needs the row for a foreign key, and may hold the log that comes next here.
    community = Community.objects.select_for_update(no_key=True).get(pk=community_id)
    before = RulebookVersion.objects.filter(community_id=community_id)
    if settings is None:
        live = before.filter(state=RulebookVersion.State.LIVE).first()
        settings = live.settings if live else {}
    settings = msgspec.to_builtins(load_settings({**settings, "zone": community.timezone}))
    loaded = load_rules(rules)
    check_cases(loaded)
    compile_rulebook(loaded, settings=load_settings(settings))
    version = (before.aggregate(last=Max("version"))["last"] or 0) + 1
    before.filter(state=RulebookVersion.State.LIVE).update(state=RulebookVersion.State.RETIRED)
    published = RulebookVersion.objects.create(
        community_id=community_id,
        version=version,
        state=RulebookVersion.State.LIVE,
        rules=rules,
        settings=settings,
        note=note,
        published_by=by,
        published_at=now,
    )
    event = NewEvent(
        community_id,
        event_id("rulebook.published", community_id, version),
        "rulebook.published",
        now,
        {"version": version, "by": by, "rules": rules, "settings": settings, "note": note},
    )
    log.append(raw_connection(), [event], now=now)
    return published
