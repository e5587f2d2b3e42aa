"""Refusals in the reader's language. Where a refusal is raised it speaks Chinese; here each code has its English.

No Django: the receiver chooses by the same cookie as the pages do, and Chinese is what is spoken without one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from qunzhu.kernel.connectors.local.parse import NICKNAME_LENGTH, Refusal

LANGUAGE_COOKIE = "django_language"  # settings.LANGUAGE_COOKIE_NAME
CHINESE, ENGLISH = "zh-hans", "en"

# code → sentence; {names} are filled from what the refusal carries, {size} from its limit, {wait} from its `until`.
IN_ENGLISH: Mapping[str, str] = {
    "animation_too_large": "This animation is too large or too long. Shorten it and send it again.",
    "closed": "This group is closed.",
    "empty": "There is nothing in it yet.",
    "forged": "This request did not come from the chat page.",
    "frozen": "The group's owner has paused the conversation. Please come back later.",
    "internal": "This message could not be saved. It has been noted.",
    "malformed": "This request could not be understood. Reload the page and try again.",
    "muted": "Take a break: you can post again in {wait}. Is this wrong? Ask the group's owner.",
    "nickname": f"A nickname has 1 to {NICKNAME_LENGTH} characters that can be shown.",
    "nickname_reserved": "This nickname is kept for those who lead the group. Choose another one.",
    "no_member": "We do not know who you are. Come in again by the link of the group.",
    "not_an_image": "Only JPG, PNG, WebP or GIF pictures can be sent.",
    "not_below": "This cannot be done to the owner or to an admin of the same rank.",
    "not_leader": "Only the owner and admins can do this.",
    "not_member": "You are not in this group yet. Join it first.",
    "not_yours": "Only your own messages can be recalled.",
    "removed": "You were removed from this group. Is this wrong? Ask the group's owner.",
    "token": "This page is too old. Reload it.",
    "too_fast": "You are posting too fast. Wait a moment.",
    "too_large": "This is too large: at most {size}.",
    "too_late": "The message is older than 2 minutes and cannot be recalled any more.",
    "too_long": "A message has at most {limit} characters.",
    "too_many_pixels": "This picture is too large. Make it smaller and send it again.",
    "unavailable": "The server is coming back. Send it again in a moment.",
    "unknown_group": "There is no such group.",
    "unknown_image": "This picture was not found. Upload it again.",
    "unknown_member": "This member is not in the group.",
    "unknown_message": "This message was not found.",
    "unsupported": "The platform of this group cannot do this.",
}
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def body_of(refusal: Refusal, *, language: str, now: datetime) -> dict[str, Any]:
    """What the sender gets as JSON, with its sentence in `language`."""
    return {**refusal.body(), "message": say(refusal, language=language, now=now)}


def say(refusal: Refusal, *, language: str, now: datetime) -> str:
    """The sentence of a refusal; a code without an English one stays Chinese."""
    if language != ENGLISH or refusal.code not in IN_ENGLISH:
        return refusal.message
    return IN_ENGLISH[refusal.code].format_map(_values(refusal.more, now))


def _values(more: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    values = dict(more)
    if "until" in more:
        values["wait"] = _span((datetime.fromisoformat(more["until"]) - now).total_seconds())
    if "limit" in more:
        values["size"] = size(int(more["limit"]))
    return values


def _span(seconds: float) -> str:
    """The time left in its largest whole unit, rounded up: nobody comes back too early."""
    minutes = max(1, -int(-seconds // 60)) * 60
    unit, name = next((unit, name) for unit, name in _UNITS if minutes >= unit)
    count = -(-minutes // unit)
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def size(octets: int) -> str:
    """5 MB, 64 KB."""
    return f"{octets // 1024 // 1024} MB" if octets >= 1024 * 1024 else f"{octets // 1024} KB"
