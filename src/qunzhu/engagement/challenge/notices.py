"""What groups hear of a challenge: that it is open, begins, is over, is off."""

from datetime import datetime

from django.conf import settings

from qunzhu.engagement.challenge import policy
from qunzhu.engagement.challenge.models import Challenge
from qunzhu.engagement.challenge.policy import Terms
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import raw_connection


def link(challenge_id: int) -> str:
    """Where a member finds it."""
    return f"{settings.PUBLIC_URL}/me/challenges/{challenge_id}/"


def opened(challenge: Challenge, terms: Terms, *, now: datetime) -> None:
    """Who may join, and how."""
    _say(challenge, "opened", policy.say_opened(terms, link(challenge.pk)), now)


def started(challenge: Challenge, terms: Terms, people: int, *, now: datetime) -> None:
    """The first day."""
    _say(challenge, "started", policy.say_started(terms, people), now)


def settled(challenge: Challenge, terms: Terms, *, finished: int, people: int, pot: int, now: datetime) -> None:
    """The result."""
    text = policy.say_settled(terms, finished=finished, people=people, pot=pot)
    _say(challenge, "settled", f"{text}{link(challenge.pk)}", now)


def cancelled(challenge: Challenge, *, now: datetime) -> None:
    """Called off."""
    _say(challenge, "cancelled", f"打卡挑战“{challenge.name}”取消了：{challenge.reason}。押金已退回。", now)


def _say(challenge: Challenge, what: str, text: str, now: datetime) -> None:
    groups = Group.objects.filter(community_id=challenge.community_id, state=Group.State.ACTIVE)
    if challenge.group_id is not None:
        groups = groups.filter(pk=challenge.group_id)
    key = f"challenge:{challenge.pk}:{what}"
    wanted = [
        EffectRequest("say", f"{key}:{group}", group, payload={"text": text}, rule="challenge")
        for group in groups.order_by("pk").values_list("pk", flat=True)
    ]
    outbox.request(raw_connection(), challenge.community_id, wanted, now=now)
