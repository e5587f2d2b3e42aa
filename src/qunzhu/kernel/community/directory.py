"""Platform ids to the product's own: which group a message is from, and who said it. No Django: hot paths use it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

MOST_MEMBERS = 500_000
NAME_LENGTH = 120

Connection = psycopg.Connection[Any]


def note_first_seen(conn: Connection, seen: Iterable[tuple[int, datetime]]) -> None:
    """Members were seen at these times: 首次出现 becomes the earliest, however late history is found."""
    earliest: dict[int, datetime] = {}
    for member_id, at in seen:
        if member_id not in earliest or at < earliest[member_id]:
            earliest[member_id] = at
    if not earliest:
        return
    ids = sorted(earliest)
    conn.execute(
        "UPDATE member m SET created_at = s.at FROM unnest(%s::int8[], %s::timestamptz[]) AS s(id, at)"
        " WHERE m.id = s.id AND s.at < m.created_at",
        [ids, [earliest[i] for i in ids]],
    )


class GroupRef(NamedTuple):
    """A group and the community it belongs to."""

    community_id: int
    group_id: int


class Directory:
    """Cached look-ups of one connector. Call `forget` after a rollback: members made in it do not exist."""

    def __init__(self, connector: str) -> None:
        self.connector = connector
        self._groups: dict[str, GroupRef] = {}
        self._members: dict[tuple[int, str], int] = {}

    def forget(self) -> None:
        """Drop everything that is cached."""
        self._groups.clear()
        self._members.clear()

    def group(self, conn: Connection, platform_id: str) -> GroupRef | None:
        """The group with this id on the platform; None when the product does not know it."""
        known = self._groups.get(platform_id)
        if known is None:
            row = conn.execute(
                "SELECT community_id, id FROM community_group WHERE connector = %s AND platform_id = %s",
                [self.connector, platform_id],
            ).fetchone()
            if row is not None:
                known = self._groups[platform_id] = GroupRef(row[0], row[1])
        return known

    def members(
        self, conn: Connection, community_id: int, names: Mapping[str, str], *, now: datetime
    ) -> dict[str, int]:
        """Member ids of platform user ids; `names` maps each id to the name shown. Unknown people become members.

        All of them in three statements, however many; two processes that meet the same newcomer make one member.
        """
        cached = self._members
        missing = {user: name for user, name in names.items() if (community_id, user) not in cached}
        if missing:
            if len(cached) + len(missing) > MOST_MEMBERS:
                cached.clear()
                missing = dict(names)
            self._look_up(conn, community_id, missing)
            newcomers = {user: name for user, name in missing.items() if (community_id, user) not in cached}
            if newcomers:
                self._create(conn, community_id, newcomers, now)
        return {user: cached[community_id, user] for user in names}

    def _look_up(self, conn: Connection, community_id: int, users: Mapping[str, str]) -> None:
        rows = conn.execute(
            "SELECT platform_user_id, member_id FROM identity"
            " WHERE community_id = %s AND connector = %s AND platform_user_id = ANY(%s)",
            [community_id, self.connector, list(users)],
        ).fetchall()
        self._members.update({(community_id, user): member for user, member in rows})

    def _create(self, conn: Connection, community_id: int, newcomers: dict[str, str], now: datetime) -> None:
        # Held until commit: another process then finds these people instead of making them again.
        conn.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [f"directory:{self.connector}", community_id]
        )
        self._look_up(conn, community_id, newcomers)
        unknown = [(u, (n or u)[:NAME_LENGTH]) for u, n in newcomers.items() if (community_id, u) not in self._members]
        if not unknown:
            return
        names = [name for _, name in unknown]
        ids = [
            row[0]
            for row in conn.execute(
                "INSERT INTO member (community_id, display_name, tags, note, created_at)"
                " SELECT %s, name, '[]', '', %s FROM unnest(%s::text[]) WITH ORDINALITY AS n(name, number)"
                " ORDER BY number RETURNING id",
                [community_id, now, names],
            ).fetchall()
        ]
        ids.sort()  # ids were given in the order of the rows; RETURNING promises no order
        conn.execute(
            "INSERT INTO identity (community_id, member_id, connector, platform_user_id, display_name)"
            " SELECT %s, m, %s, u, n FROM unnest(%s::int8[], %s::text[], %s::text[]) AS i(m, u, n)",
            [community_id, self.connector, ids, [user for user, _ in unknown], names],
        )
        self._members.update({(community_id, user): i for (user, _), i in zip(unknown, ids, strict=True)})
