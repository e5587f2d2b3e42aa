"""What pages write: topics at once, everything that moves a debate as something asked of the consumer."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Max

from qunzhu.engagement.debate import policy
from qunzhu.engagement.debate.facts import asked, fact
from qunzhu.engagement.debate.models import Debate, DebateTopic
from qunzhu.engagement.debate.policy import LONGEST_EXTENSION, OPEN, Refused
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent

BY_BLUEPRINT = "blueprint"
FIELDS = ("title", "pro", "con", "active", "pinned")
Append = Callable[[NewEvent], None]


def take_topics(community: Community, *, now: datetime, append: Append | None = None) -> int:
    """Topics of the blueprint that were never there; the console keeps them from then on. Returns how many."""
    given = community.blueprint.get("engagement", {}).get("debate", {}).get("topics", [])
    known = set(DebateTopic.objects.filter(community_id=community.pk).values_list("slug", flat=True))
    fresh = [topic for topic in given if topic["title"] not in known]
    for topic in fresh:
        fields = {"title": topic["title"], "pro": topic["pro"], "con": topic["con"]}
        save_topic(
            community_id=community.pk, number=None, fields=fields, by=BY_BLUEPRINT, slug=topic["title"], now=now,
            append=append,
        )  # fmt: skip
    return len(fresh)


@transaction.atomic
def save_topic(
    *,
    community_id: int,
    number: int | None,
    fields: Mapping[str, Any],
    by: str,
    now: datetime,
    slug: str = "",
    append: Append | None = None,
) -> DebateTopic:
    """Make a topic, or change one; of pinned ones there is one. Raises DebateTopic.DoesNotExist."""
    # Of two new topics one waits; who comes into a group (a foreign key to this row) waits for neither.
    Community.objects.select_for_update(no_key=True).get(pk=community_id)
    what = {name: fields[name] for name in FIELDS if name in fields}
    if what.get("pinned"):
        DebateTopic.objects.filter(community_id=community_id).update(pinned=False)
    if number is None:
        last = DebateTopic.objects.filter(community_id=community_id).aggregate(last=Max("number"))["last"] or 0
        topic = DebateTopic.objects.create(
            community_id=community_id, number=int(last) + 1, slug=slug, created_at=now, **what
        )
    else:
        topic = DebateTopic.objects.get(community_id=community_id, number=number)
        DebateTopic.objects.filter(community_id=community_id, number=number).update(**what)
        topic.refresh_from_db()
    body = {"topic": topic.number, "what": what, "by": by}
    event = fact(community_id, "debate.topic", (topic.number, uuid4()), body, now)
    if append is None:
        log.append(raw_connection(), [event], now=now)
    else:
        append(event)
    return topic


def start_now(*, community_id: int, topic: int | None, by: str, now: datetime) -> None:
    """Ask for a debate at once. Raises `Refused` where one is on, or there is no topic."""
    if Debate.objects.filter(community_id=community_id, state__in=OPEN).exists():
        raise Refused("已经有一场辩论在进行。")
    if not DebateTopic.objects.filter(community_id=community_id, active=True).exists():
        raise Refused("先添加一个辩题。")
    slot = f"{by}:{now.isoformat(timespec='milliseconds')}"
    _ask(community_id, "open", (slot,), {"slot": slot, "topic": topic, "by": by}, now)


def close_now(*, community_id: int, number: int, by: str, now: datetime) -> None:
    """Ask that the step that is on ends now."""
    row = _open(community_id, number)
    do = "close" if row.state == policy.SPEAKING else "end"
    _ask(community_id, do, (number, uuid4()), {"debate": number, "by": by}, now)


def extend(*, community_id: int, number: int, minutes: int, by: str, now: datetime) -> None:
    """Ask for more time."""
    if not 1 <= minutes <= LONGEST_EXTENSION:
        raise Refused("延长 1 到 1,440 分钟。")
    _open(community_id, number)
    _ask(community_id, "extend", (number, uuid4()), {"debate": number, "minutes": minutes, "by": by}, now)


def cancel(*, community_id: int, number: int, reason: str, by: str, now: datetime) -> None:
    """Ask that it ends without a result."""
    said = reason.strip()[:100]
    if not said:
        raise Refused("请写一句理由，成员会看到。")
    _open(community_id, number)
    _ask(community_id, "cancel", (number,), {"debate": number, "reason": said, "by": by}, now)


def vote(*, community_id: int, number: int, member_id: int, words: str, now: datetime) -> None:
    """A vote from the member's page. Raises `Refused` where the vote is not open, or these words are none."""
    row = Debate.objects.filter(community_id=community_id, number=number).first()
    if row is None or row.state != policy.VOTING:
        raise Refused("投票已经结束。")
    ballot = policy.read_ballot(words)
    if ballot is None:
        raise Refused("没有看懂这一票。")
    from qunzhu.engagement.debate.work import running_of

    if why := policy.vote_refusal(ballot, member_id, running_of(row).said):
        raise Refused(why)
    body = {"debate": number, "words": words[:20]}
    event = asked(community_id, "vote", (number, member_id, uuid4()), body, now, member_id=member_id)
    _append(event, now)


def ask_poll(
    *, community_id: int, group_id: int, question: str, options: Sequence[str], minutes: int, by: str, now: datetime
) -> None:
    """A poll from the console. Raises `Refused`."""
    words = " | ".join([question.replace("|", "/"), *(o.replace("|", "/") for o in options), f"{minutes}分钟"])
    found = policy.read_question(words)
    body = {
        "group": group_id, "question": found.question, "options": list(found.options), "minutes": found.minutes,
        "by": by,
    }  # fmt: skip
    _ask(community_id, "poll", (uuid4(),), body, now)


def end_poll(*, community_id: int, poll: int, by: str, now: datetime) -> None:
    """End a poll before its time."""
    _ask(community_id, "end_poll", (poll, uuid4()), {"poll": poll, "by": by}, now)


def _open(community_id: int, number: int) -> Debate:
    row = Debate.objects.filter(community_id=community_id, number=number, state__in=OPEN).first()
    if row is None:
        raise Refused("这场辩论已经结束。")
    return row


def _ask(community_id: int, do: str, key: tuple[object, ...], body: dict[str, Any], now: datetime) -> None:
    _append(asked(community_id, do, key, body, now), now)


@transaction.atomic
def _append(event: NewEvent, now: datetime) -> None:
    log.append(raw_connection(), [event], now=now)
