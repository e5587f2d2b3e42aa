"""A rulebook is checked before it is published; the version before is retired; the log carries all of it."""

import psycopg
import pytest
from django.db import transaction

from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community
from qunzhu.kernel.engine.models import RulebookVersion
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.engine.rules import RulebookInvalid
from qunzhu.kernel.engine.tests.workplace import workplace
from qunzhu.kernel.events.runner import raw_connection

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_version_replaces_the_one_before_and_keeps_its_settings():
    community, book = make_community(timezone="Asia/Urumqi"), workplace()
    settings = {**book["settings"], "ladder": {"mute_minutes": 30}}
    publish_rulebook(community_id=community.pk, rules=book["rules"], settings=settings, by="a", note="初版", now=NOW)
    publish_rulebook(community_id=community.pk, rules=book["rules"][:1], by="b", now=NOW)
    rows = RulebookVersion.objects.filter(community_id=community.pk).order_by("version")
    assert [(r.version, r.state, r.published_by, r.note, len(r.rules)) for r in rows] == [
        (1, "retired", "a", "初版", 7),
        (2, "live", "b", "", 1),
    ]
    expected = {
        "zone": "Asia/Urumqi",
        "ladder": {"mute_minutes": 30, "strikes_to_remove": 3, "strike_days": 30},
        "not_counted": ["command.posted", "checkin", "vote"],
        "repeat_case_hours": 24,
    }
    assert [r.settings for r in rows] == [expected, expected]
    events = events_of(community, "rulebook.published")
    assert [(e.body["version"], e.body["by"], e.body["settings"]) for e in events] == [
        (1, "a", expected),
        (2, "b", expected),
    ]
    assert events[0].body["rules"] == book["rules"]


def test_an_invalid_rulebook_changes_nothing():
    community = make_community()
    with pytest.raises(RulebookInvalid, match="field explain"):
        publish_rulebook(
            community_id=community.pk, rules=[workplace()["rules"][0] | {"explain": "{who}"}], by="a", now=NOW
        )
    assert RulebookVersion.objects.count() == 0
    assert events_of(community, "rulebook.published") == []


def test_somebody_joins_while_a_rulebook_is_published():
    """Publishing locks the community and then the log; a newcomer's row needs the community while the log is held."""
    community = make_community()
    url = raw_connection().info
    with transaction.atomic():
        publish_rulebook(community_id=community.pk, rules=workplace()["rules"], by="t", now=NOW)
        with psycopg.connect(**url.get_parameters(), password=url.password) as other:
            other.execute("SET lock_timeout = '5s'")
            other.execute(
                "INSERT INTO member (community_id, display_name, tags, note, created_at)"
                " VALUES (%s, '新人', '[]', '', now())",
                [community.pk],
            )
            other.commit()
    assert Member.objects.filter(community=community).count() == 1
