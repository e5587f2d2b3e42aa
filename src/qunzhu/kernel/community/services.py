"""Create and change communities, groups and staff. What consumers must know of it goes into the log."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import IntegrityError, transaction

from qunzhu.kernel.community.locks import lock_staff_of
from qunzhu.kernel.community.models import Community, Group, Member, Staff
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import EventHead
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


class Refused(ValueError):
    """The change would break a rule of the house; the message is a Chinese sentence fit for the screen."""


# First words of the console's own addresses (console/urls.py, compared by a test) and of parts to come.
RESERVED_SLUGS = frozenset(
    {"admin", "api", "help", "jobs", "language", "login", "logout", "new", "password", "settings", "static"}
)


def check_slug(slug: str) -> None:
    """Raise `Refused` when the slug is an address of the console itself: the community could never be opened."""
    if slug.lower() in RESERVED_SLUGS:
        raise Refused(f"代号“{slug}”是系统保留的地址,请换一个,例如 {slug.lower()}-club")


def check_timezone(name: str) -> None:
    """Raise `Refused` unless `name` is a known IANA zone. The zone is chosen once: days and streaks depend on it."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refused(f"没有叫“{name}”的时区,例如 Asia/Shanghai") from error


@transaction.atomic
def create_community(*, slug: str, name: str, timezone: str, blueprint: dict[str, Any], now: datetime) -> Community:
    """A new community with an empty log. Raises `Refused` when the slug is taken or reserved, or the zone unknown."""
    check_slug(slug)
    check_timezone(timezone)
    try:
        with transaction.atomic():
            community = Community.objects.create(
                slug=slug, name=name, timezone=timezone, blueprint=blueprint, created_at=now
            )
    except IntegrityError as error:
        raise Refused(f"代号“{slug}”已被使用") from error
    EventHead.objects.create(community_id=community.pk)
    return community


def rename_community(*, community: Community, name: str) -> None:
    """Change the name that members see; the slug stays, links depend on it."""
    community.name = name
    community.save(update_fields=["name"])


@transaction.atomic
def create_group(
    *,
    community: Community,
    name: str,
    connector: str = "local",
    platform_id: str,
    profile: str = "full",
    capacity: int = 500,
    announcement: str = "",
    observation: bool = False,
    now: datetime,
) -> Group:
    """A new group and its event `group.created`. Raises `Refused` when the platform group belongs to another one."""
    try:
        with transaction.atomic():
            group = Group.objects.create(
                community=community,
                name=name,
                connector=connector,
                platform_id=platform_id,
                profile=profile,
                capacity=capacity,
                announcement=announcement,
                observation=observation,
                created_at=now,
            )
    except IntegrityError as error:
        raise Refused(f"平台群 {connector}:{platform_id} 已经接入") from error
    created = NewEvent(
        community.pk,
        event_id("group.created", community.pk, group.pk),
        "group.created",
        now,
        {"name": name, "profile": profile},
        group_id=group.pk,
    )
    log.append(raw_connection(), [created], now=now)
    return group


def set_observation(*, group: Group, observation: bool) -> None:
    """Make a group the one that silent members are moved to, or an ordinary one again."""
    group.observation = observation
    group.save(update_fields=["observation"])


def rename_group(*, group: Group, name: str) -> None:
    """Change a group's name in the console."""
    group.name = name
    group.save(update_fields=["name"])


@transaction.atomic
def set_staff(
    *,
    community: Community,
    user: "AbstractBaseUser",
    role: str | None,
    member: Member | None = None,
    by: str,
    now: datetime,
) -> Staff | None:
    """Give `user` a post (None: take it away) and say so in the log, because staff are never punished by a machine.

    Raises `Refused` for the last owner, an unknown role or a member of another community. No change, no event.
    """
    if role is not None and role not in Staff.Role.values:
        raise Refused(f"没有“{role}”这个角色")
    if member is not None and member.community_id != community.pk:
        raise Refused("群内身份属于另一个社群")
    posts = {post.user_id: post for post in lock_staff_of(community.pk)}
    before = posts.get(user.pk)
    owners = [p for p in posts.values() if p.role == Staff.Role.OWNER]
    if before in owners and role != Staff.Role.OWNER and len(owners) == 1:
        raise Refused("至少要留一位群主")
    old = (before.role, before.member_id) if before else (None, None)
    new = (role, member.pk if member and role else None)
    if old == new:
        return before
    if role is None:
        if before is not None:
            before.delete()
        after = None
    else:
        after, _ = Staff.objects.update_or_create(
            user_id=user.pk, community=community, defaults={"role": role, "member": member}, create_defaults={
                "role": role, "member": member, "created_at": now,
            },
        )  # fmt: skip
    log.append(raw_connection(), _staff_events(community.pk, user, old, new, by, now), now=now)
    return after


def _staff_events(
    community_id: int,
    user: "AbstractBaseUser",
    old: tuple[str | None, int | None],
    new: tuple[str | None, int | None],
    by: str,
    now: datetime,
) -> list[NewEvent]:
    """One event for the post, and one for the member who no longer holds it when the link moved to another."""
    changes: list[tuple[int | None, str | None]] = []
    if old[1] is not None and old[1] != new[1]:
        changes.append((old[1], None))
    if new[0] is not None or not changes:
        changes.append((new[1], new[0]))
    return [
        NewEvent(
            community_id,
            event_id("staff.changed", community_id, user.pk, member_id, role, now.isoformat()),
            "staff.changed",
            now,
            {"member": member_id, "role": role, "user": user.get_username(), "by": by},
            member_id=member_id,
        )
        for member_id, role in changes
    ]
