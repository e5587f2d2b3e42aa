"""Who speaks in an export: members are found by their identity in this import's connector, or made."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from qunzhu.kernel.community.models import Identity, Member
from qunzhu.kernel.connectors.imports.records import Record

MAX_KNOWN = 200_000
_ID_LENGTH = 190


class People:
    """Identities of one connector in one group. Names are only good within their group; ids within the connector."""

    def __init__(self, community_id: int, group_id: int, connector: str) -> None:
        self.community_id = community_id
        self.group_id = group_id
        self.connector = connector
        self._known: dict[str, int] = {}

    def key(self, user_id: str, name: str) -> str:
        """The platform_user_id of somebody; long ones are shortened by their digest."""
        key = f"id:{user_id}" if user_id else f"name:{self.group_id}:{name}"
        return key if len(key) <= _ID_LENGTH else f"{key[:120]}…{sha256(key.encode()).hexdigest()}"

    def members_of(self, records: Sequence[Record], *, now: datetime) -> list[int]:
        """The member of each record, in order; unknown people are made.

        A new nickname nobody had before leads to the same member from then on; one that is known stays with its owner.
        """
        keys = [self.key(r.user_id, r.user) for r in records]
        wanted = set(keys) | {self.key("", r.text.strip()) for r in records if r.kind == "nick" and not r.user_id}
        if len(self._known) > MAX_KNOWN:
            self._known.clear()
        self._load(wanted - self._known.keys())
        fresh: dict[str, str] = {}  # key → the key whose new member it is
        names: dict[str, tuple[str, datetime]] = {}
        for record, key in zip(records, keys, strict=True):
            if key not in self._known and key not in fresh:
                fresh[key] = key
                names[key] = (record.user, record.at)
            if record.kind == "nick" and not record.user_id:
                new = self.key("", record.text.strip())
                if new not in self._known and new not in fresh:
                    fresh[new] = key
        self._make(fresh, names, now)
        return [self._known[key] for key in keys]

    def _load(self, keys: set[str]) -> None:
        found = Identity.objects.filter(
            community_id=self.community_id, connector=self.connector, platform_user_id__in=keys
        )
        self._known.update(found.values_list("platform_user_id", "member_id"))

    def _make(self, fresh: dict[str, str], names: dict[str, tuple[str, datetime]], now: datetime) -> None:
        if not fresh:
            return
        made = Member.objects.bulk_create(
            [
                Member(community_id=self.community_id, display_name=name, created_at=min(at, now))
                for name, at in names.values()
            ]
        )
        self._known.update(zip(names, (m.pk for m in made), strict=True))
        for key, origin in fresh.items():  # in order: an origin is known before those who follow it
            self._known[key] = self._known[origin]
        Identity.objects.bulk_create([
            Identity(
                community_id=self.community_id, member_id=self._known[key], connector=self.connector,
                platform_user_id=key, display_name=names[key][0] if key in names else "",
            )
            for key in fresh
        ])  # fmt: skip
