"""Make a community from a blueprint. Chapters above the kernel add their part in `config/init.py`."""

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction

from qunzhu.kernel.blueprint.loader import Loaded
from qunzhu.kernel.blueprint.rules import rulebook_settings
from qunzhu.kernel.community.models import Community, Group
from qunzhu.kernel.community.services import create_community, create_group, set_staff
from qunzhu.kernel.connectors.local.models import Room
from qunzhu.kernel.connectors.local.services import open_room
from qunzhu.kernel.engine.rulebook_service import publish_rulebook

BY = "blueprint"
PASSWORD_BYTES = 12


@dataclass
class Created:
    """What `create_from_blueprint` made. `passwords` (user name → password) are known only here: show them once."""

    community: Community
    groups: list[Group] = field(default_factory=list)
    rooms: list[Room] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)


@transaction.atomic
def create_from_blueprint(*, loaded: Loaded, slug: str = "", name: str = "", now: datetime) -> Created:
    """Community, staff, rulebook, groups with their rooms. Raises `community.services.Refused` for a slug in use."""
    plan = loaded.blueprint
    community = create_community(
        slug=slug or plan.slug, name=name or plan.name, timezone=plan.timezone, blueprint=loaded.data, now=now
    )
    created = Created(community)
    for person in plan.staff:
        user, password = find_or_create_user(person.username)
        if password:
            created.passwords[person.username] = password
        set_staff(community=community, user=user, role=person.role, by=BY, now=now)
    publish_rulebook(
        community_id=community.pk, rules=loaded.data.get("rules", []), settings=rulebook_settings(plan), by=BY, now=now
    )
    for group_plan in plan.groups:
        group = create_group(
            community=community,
            name=group_plan.name,
            connector=group_plan.connector,
            platform_id=uuid.uuid4().hex,
            profile=group_plan.profile,
            capacity=group_plan.capacity,
            announcement="" if group_plan.observation else plan.governance.announcement.strip(),
            observation=group_plan.observation,
            now=now,
        )
        created.groups.append(group)
        created.rooms.append(open_room(group=group))
    return created


def find_or_create_user(username: str) -> tuple[User, str]:
    """The console user of that name and its new password; an empty password when the user was there before."""
    users = get_user_model()
    found = users.objects.filter(username=username).first()
    if found is not None:
        return found, ""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    return users.objects.create_user(username, password=password), password
