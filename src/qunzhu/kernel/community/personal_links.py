"""A link to one person's own data: signed, for a while, for nobody else. Whoever has it can download; nothing more."""

from dataclasses import dataclass
from datetime import timedelta

import msgspec
from django.core import signing

from qunzhu.kernel.blueprint.chapters.governance import Privacy
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.selectors import blueprint_of

SALT = "qunzhu.personal"


@dataclass(frozen=True)
class Owner:
    """Whose data a link is for."""

    community_id: int
    member_id: int


def link_lives(community_id: int) -> timedelta:
    """How long a link works here (`governance.privacy.data_link`)."""
    settings = blueprint_of(community_id).get("governance", {}).get("privacy", {})
    return timedelta(hours=msgspec.convert(settings, Privacy).data_link)


def make_link_token(member: Member) -> str:
    """A token for the data of `member`, good from now on."""
    return signing.dumps([member.community_id, member.pk], salt=SALT)


def read_link_token(token: str) -> Owner | None:
    """Whose data it is for; None when it is forged, too old, or the member has been erased since."""
    try:
        community_id, member_id = signing.loads(token, salt=SALT)
        signing.loads(token, salt=SALT, max_age=link_lives(community_id))
    except (signing.BadSignature, ValueError, TypeError):
        return None
    known = Member.objects.filter(community_id=community_id, pk=member_id, erased_at=None)
    return Owner(community_id, member_id) if known.exists() else None
