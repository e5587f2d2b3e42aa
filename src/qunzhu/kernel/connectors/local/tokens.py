"""Signed tokens: who a browser is in the local chat, and which community's stream a console may hear."""

from functools import lru_cache
from typing import NamedTuple

from itsdangerous import BadSignature, TimestampSigner

from qunzhu.kernel.installation import installation_secret

COOKIE = "qz_member"
COOKIE_SECONDS = 400 * 24 * 3600  # the longest a browser keeps a cookie
CONSOLE_SECONDS = 12 * 3600


class MemberToken(NamedTuple):
    """A browser's identity: one member of one community."""

    community_id: int
    member_id: int


@lru_cache(maxsize=8)
def _signer(salt: str) -> TimestampSigner:
    return TimestampSigner(installation_secret("secret_key"), salt=salt)


def member_token(community_id: int, member_id: int) -> str:
    """The value of the cookie `qz_member`."""
    return _sign("qunzhu.member", community_id, member_id)


@lru_cache(maxsize=50_000)
def read_member_token(value: str) -> MemberToken | None:
    """Who the cookie says it is; None when it was not signed here. Cached: signatures do not change."""
    claims = _read("qunzhu.member", value, COOKIE_SECONDS)
    return claims if claims and claims.member_id else None


def console_token(community_id: int) -> str:
    """A token for GET /live/console and uploads of one community, good for 12 hours."""
    return _sign("qunzhu.console", community_id, 0)


def read_console_token(value: str, *, max_age: int = CONSOLE_SECONDS) -> int | None:
    """The community of a console token; None when it is forged or older than `max_age` seconds."""
    claims = _read("qunzhu.console", value, max_age)
    return claims.community_id if claims else None


def _sign(salt: str, community_id: int, member_id: int) -> str:
    return _signer(salt).sign(f"{community_id}.{member_id}").decode()


def _read(salt: str, value: str, max_age: int) -> MemberToken | None:
    try:
        community, _, member = _signer(salt).unsign(value, max_age=max_age).decode().partition(".")
        return MemberToken(int(community), int(member))
    except (BadSignature, ValueError):
        return None
