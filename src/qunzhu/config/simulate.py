"""`qunzhu simulate`: a marked past month in a group of its own, or live company in a group of the local chat."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import click

from qunzhu.config.problems import Problem
from qunzhu.kernel.bootstrap import setup_django
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.events.schema import NewEvent
from qunzhu.simulation.events import as_events
from qunzhu.simulation.live import Speaker, talk
from qunzhu.simulation.month import CONNECTOR, month
from qunzhu.simulation.people import MARK, Persona, population

if TYPE_CHECKING:
    from qunzhu.kernel.community.models import Community, Group

SEED = 433
PEOPLE = 500
DAYS = 30
CHUNK = 5_000
Progress = Callable[[int], None]


@click.group()
def command() -> None:
    """Let simulated members talk; each is marked （模拟）."""


@command.command(name="month")
@click.option("--community", "slug", required=True, help="short name of the community")
@click.option("--people", default=PEOPLE, show_default=True, type=click.IntRange(1, 500))
@click.option("--days", default=DAYS, show_default=True, type=click.IntRange(1, 366))
@click.option("--seed", default=SEED, show_default=True)
def month_command(slug: str, people: int, days: int, seed: int) -> None:
    """Append a past stretch as history: nobody is punished, nothing leaves, all is marked."""
    setup_django()
    added = simulate_month(
        community=_community(slug), people=population(seed, people, days), days=days, seed=seed, now=SYSTEM_CLOCK.now()
    )
    click.echo(f"{added:,} events")


@command.command(name="live")
@click.option("--community", "slug", required=True, help="short name of the community")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True)
@click.option("--people", default=20, show_default=True, type=click.IntRange(1, 400))
@click.option("--messages", default=100, show_default=True, type=click.IntRange(1, 10_000_000))
@click.option("--rate", default=2.0, show_default=True, type=click.FloatRange(0), help="a second; 0: as fast as can be")
@click.option("--seed", default=SEED, show_default=True)
def live_command(slug: str, url: str, people: int, messages: int, rate: float, seed: int) -> None:
    """Post into the community's first open local group; a running `qunzhu up` takes them."""
    setup_django()
    speakers = join_speakers(community=_community(slug), people=population(seed, people), now=SYSTEM_CLOCK.now())
    tally = asyncio.run(talk(url, speakers, messages=messages, rate=rate, seed=seed))
    click.echo(
        f"acknowledged {tally.acknowledged:,}  refused {tally.refused:,}  failed {tally.failed:,}"
        f"  p50 {tally.percentile(0.5):.1f} ms  p99 {tally.percentile(0.99):.1f} ms"
    )


def simulate_month(
    *,
    community: "Community",
    people: Sequence[Persona],
    days: int,
    seed: int,
    now: datetime,
    progress: Progress = lambda _: None,
) -> int:
    """Append the month; returns how many events were new (0 the second time). Ends with yesterday."""
    from django.db import transaction

    from qunzhu.kernel.community.directory import note_first_seen
    from qunzhu.kernel.events import log
    from qunzhu.kernel.events.runner import raw_connection

    group = simulation_group(community=community, seed=seed, now=now)
    member_ids = simulated_members(community=community, people=people, seed=seed, now=now)
    first = local_day(now, community.timezone) - timedelta(days=days)
    acts = month(people, seed=seed, first=first, days=days, zone=community.timezone)
    events = as_events(acts, community_id=community.pk, group_id=group.pk, member_ids=member_ids)
    added = 0
    for chunk in _chunks(events, CHUNK):
        with transaction.atomic():
            appended = log.append(raw_connection(), chunk, now=now)
            note_first_seen(raw_connection(), ((e.member_id, e.occurred_at) for e in chunk if e.member_id is not None))
        added += sum(not one.duplicate for one in appended)
        progress(added)
    return added


def simulation_group(*, community: "Community", seed: int, now: datetime) -> "Group":
    """The group of this simulation, made when absent; its name says what it is."""
    from qunzhu.kernel.community.models import Group
    from qunzhu.kernel.community.services import create_group

    platform_id = f"{community.pk}-{seed}"
    found = Group.objects.filter(connector=CONNECTOR, platform_id=platform_id).first()
    return found or create_group(
        community=community, name=f"【{MARK}】过去一个月", connector=CONNECTOR, platform_id=platform_id, now=now
    )


def simulated_members(*, community: "Community", people: Iterable[Persona], seed: int, now: datetime) -> dict[int, int]:
    """Member ids by the number of the person; members and identities are made once."""
    from django.db import transaction

    from qunzhu.kernel.community.models import Identity, Member

    wanted = {f"{seed}-{person.number}": person for person in people}
    with transaction.atomic():
        known = dict(
            Identity.objects.filter(
                community=community, connector=CONNECTOR, platform_user_id__in=list(wanted)
            ).values_list("platform_user_id", "member_id")
        )
        missing = [(key, person) for key, person in wanted.items() if key not in known]
        members = Member.objects.bulk_create(
            [
                Member(community=community, display_name=person.nickname, tags=[MARK], created_at=now)
                for _, person in missing
            ]
        )
        Identity.objects.bulk_create(
            [
                Identity(
                    community=community,
                    member=member,
                    connector=CONNECTOR,
                    platform_user_id=key,
                    display_name=person.nickname,
                )
                for (key, person), member in zip(missing, members, strict=True)
            ]
        )
    known |= {key: member.pk for (key, _), member in zip(missing, members, strict=True)}
    return {person.number: known[key] for key, person in wanted.items()}


def join_speakers(
    *, community: "Community", people: Sequence[Persona], now: datetime, group: "Group | None" = None
) -> list[Speaker]:
    """Let `people` into `group` (else the first open local group), once; returns them with their cookies."""
    from qunzhu.kernel.community.models import Group
    from qunzhu.kernel.connectors.local.models import Occupant, Room
    from qunzhu.kernel.connectors.local.services import join_room
    from qunzhu.kernel.connectors.local.tokens import member_token

    open_groups = Group.objects.filter(community=community, connector="local", state="active").order_by("pk")
    group = group or open_groups.first()
    if group is None:
        raise Problem(f"{community.slug} has no open local group", "open one in the console")
    room = Room.objects.get(group_id=group.pk)
    inside = dict(
        Occupant.objects.filter(group_id=group.pk, removed_at=None).order_by("-member_id")
        .values_list("nickname", "member_id")
    )  # fmt: skip
    speakers = []
    for person in people:
        member_id = inside.get(person.nickname)
        if member_id is None:
            member_id = join_room(room=room, nickname=person.nickname, now=now, via="invite").member.pk
        speakers.append(Speaker(person, group.pk, member_id, member_token(community.pk, member_id)))
    return speakers


def _chunks(events: Iterator[NewEvent], size: int) -> Iterator[list[NewEvent]]:
    while chunk := list(islice(events, size)):
        yield chunk


def _community(slug: str) -> "Community":
    from qunzhu.kernel.community.models import Community

    found = Community.objects.filter(slug=slug).first()
    if found is None:
        raise Problem(f"there is no community {slug!r}", "create it: qunzhu init --slug NAME")
    return found
