"""One blueprint in, a community out, in one transaction, once."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model

from qunzhu.kernel.blueprint.loader import find, load
from qunzhu.kernel.blueprint.services import create_from_blueprint
from qunzhu.kernel.community.models import Community, Staff
from qunzhu.kernel.community.services import Refused
from qunzhu.kernel.engine.models import RulebookVersion
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def test_community_groups_rooms_staff_and_rulebook_are_made_and_announced():
    loaded = load(find("workplace-knowledge"))
    created = create_from_blueprint(loaded=loaded, now=NOW)
    assert (created.community.slug, created.community.name) == ("workplace-knowledge", "职场知识分享社")
    assert [(g.name, g.connector, g.profile, g.capacity) for g in created.groups] == [
        ("职场知识分享 1 群", "local", "full", 500),
        ("职场知识观察群", "local", "full", 500),
    ]
    assert [room.group_id for room in created.rooms] == [group.pk for group in created.groups]
    assert created.groups[0].announcement == loaded.blueprint.governance.announcement.strip()
    assert created.groups[1].announcement == ""
    assert get_user_model().objects.get(username="owner").check_password(created.passwords["owner"])
    assert Staff.objects.get(community=created.community).role == "owner"
    rulebook = RulebookVersion.objects.get(community_id=created.community.pk)
    assert (rulebook.version, rulebook.state, rulebook.rules) == (1, "live", loaded.data["rules"])
    events = log.read(raw_connection(), created.community.pk, after=0, upto=100)
    assert [event.kind for event in events] == ["staff.changed", "rulebook.published", "group.created", "group.created"]


def test_the_same_slug_is_refused_and_nothing_is_left_behind():
    loaded = load(find("workplace-knowledge"))
    create_from_blueprint(loaded=loaded, now=NOW)
    with pytest.raises(Refused, match="已被使用"):
        create_from_blueprint(loaded=loaded, now=NOW)
    assert Community.objects.count() == 1
    second = create_from_blueprint(loaded=loaded, slug="second", name="第二个社群", now=NOW)
    assert (second.community.slug, second.community.name) == ("second", "第二个社群")
    assert second.passwords == {}  # the owner was there before and keeps the password
