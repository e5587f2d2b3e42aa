"""Signed tokens: who a browser is in the local chat, and which community's stream a console may hear.

A browser may be a member of several communities of one installation: its cookie names one member in each, the one it
looked at last first.
"""

import time
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from itsdangerous import BadSignature, TimestampSigner

from qunzhu.kernel.installation import installation_secret

COOKIE = "qz_member"
COOKIE_SECONDS = 400 * 24 * 3600  # the longest a browser keeps a cookie
CONSOLE_SECONDS = 12 * 3600
MOST_COMMUNITIES = 20  # in one cookie; the one looked at longest ago goes first


class MemberToken(NamedTuple):
    """One member of one community."""

    community_id: int
    member_id: int


Session = tuple[MemberToken, ...]
NOBODY: Session = ()


@lru_cache(maxsize=8)
def _signer(salt: str) -> TimestampSigner:
    return TimestampSigner(installation_secret("secret_key"), salt=salt)


def member_token(community_id: int, member_id: int) -> str:
    """The value of the cookie `qz_member` for one member."""
    return session_token([MemberToken(community_id, member_id)])


def session_token(members: Iterable[MemberToken]) -> str:
    """The value of the cookie `qz_member`: the first is who looks now; of a community only its first one is kept."""
    kept: dict[int, MemberToken] = {}
    for member in members:
        kept.setdefault(member.community_id, member)
    ordered = list(kept.values())[:MOST_COMMUNITIES]
    return _signer("qunzhu.member").sign("~".join(f"{m.community_id}.{m.member_id}" for m in ordered)).decode()


def read_session(value: str) -> Session:
    """Whom the cookie names, one in each community; nobody when it was not signed here or has run out."""
    members, runs_out = _open_session(value)
    return members if time.time() < runs_out else NOBODY


@lru_cache(maxsize=50_000)
def _open_session(value: str) -> tuple[Session, float]:
    """(members, until when). Cached: signatures do not change, and that they run out is looked at each time."""
    try:
        signed, at = _signer("qunzhu.member").unsign(value, max_age=COOKIE_SECONDS, return_timestamp=True)
        members = tuple(_member(part) for part in signed.decode().split("~"))
    except (BadSignature, ValueError):
        return NOBODY, 0.0
    one_each = len({m.community_id for m in members}) == len(members)
    return (members, at.timestamp() + COOKIE_SECONDS) if one_each else (NOBODY, 0.0)


def _member(part: str) -> MemberToken:
    community, _, member = part.partition(".")
    found = MemberToken(int(community), int(member))
    if found.community_id < 1 or found.member_id < 1:
        raise ValueError(part)
    return found


def in_community(session: Session, community_id: int) -> MemberToken | None:
    """Who the browser is in this community; None for a stranger."""
    return next((m for m in session if m.community_id == community_id), None)


def console_token(community_id: int) -> str:
    """A token for GET /live/console and uploads of one community, good for 12 hours."""
    return _signer("qunzhu.console").sign(f"{community_id}.0").decode()


def read_console_token(value: str, *, max_age: int = CONSOLE_SECONDS) -> int | None:
    """The community of a console token; None when it is forged or older than `max_age` seconds."""
    try:
        community, _, _zero = _signer("qunzhu.console").unsign(value, max_age=max_age).decode().partition(".")
        return int(community)
    except (BadSignature, ValueError):
        return None
