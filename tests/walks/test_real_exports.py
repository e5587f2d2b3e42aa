"""Real chat archives through the whole pipeline. What must come out is worked out here from the files themselves."""

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.db.models import Sum

from qunzhu.analytics.models import GroupHour, MemberDay
from qunzhu.config.subscriptions import CONSUMERS
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Member, Membership
from qunzhu.kernel.connectors.imports.services import group_for_import, run_import
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.events import blackbox, seal
from qunzhu.kernel.events.models import Event, PoisonedEvent
from qunzhu.kernel.events.rebuild import check_projections
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.models import LedgerTransaction, Posting
from qunzhu.kernel.text.links import canonical_links

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.realdata]

SHANGHAI = ZoneInfo("Asia/Shanghai")
EVENT_OF = {
    "msg": "message.posted",
    "action": "message.posted",
    "join": "member.joined",
    "leave": "member.left",
    "nick": "member.renamed",
}
COLUMN_OF = {"message.posted": "messages", "member.joined": "joins", "member.left": "leaves"}


def real(name: str) -> Path:
    folder = os.environ.get("QUNZHU_REAL_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
    file = Path(folder) / name
    if not file.exists():
        pytest.skip(f"{file} is not there; set QUNZHU_REAL_DATA to the folder that holds it")
    return file


@dataclass
class Expected:
    """What the pipeline must come to, counted from the lines of a file."""

    kinds: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    members: int = 0
    days: dict[tuple[object, int], int] = field(default_factory=lambda: defaultdict(int))  # (day, member) → messages
    hours: dict[datetime, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    repeated: set[tuple[object, int]] = field(
        default_factory=set
    )  # (day, member) with a link more than 5 times an hour


def rows(file: Path, zone: str) -> Iterator[tuple[datetime, str, str, str]]:
    """(UTC, kind, user, text) of each line."""
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            stamp = row.get("ts_bst") or row["ts_utc"]
            at = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
            yield at, row.get("kind", "msg"), " ".join(row["user"].split()), row["text"]


def work_out(file: Path, zone: str) -> Expected:
    expected = Expected()
    person: dict[str, int] = {}
    said: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    for at, kind, user, text in rows(file, zone):
        if kind == "other" or (kind in {"msg", "action", "nick"} and not text.strip()):
            expected.rejected += 1
            continue
        who = person.setdefault(user, len(set(person.values())))
        if kind == "nick":
            person.setdefault(" ".join(text.split()), who)
        event = EVENT_OF[kind]
        expected.kinds[event] += 1
        if event in COLUMN_OF:
            expected.hours[at.replace(minute=0, second=0)][COLUMN_OF[event]] += 1
        if event == "message.posted":
            day = at.astimezone(SHANGHAI).date()
            expected.days[day, who] += 1
            for link in canonical_links(text.replace("\\n", "\n")):
                times = said[who, link]
                times.append(at)
                if sum(timedelta() <= at - earlier < timedelta(hours=1) for earlier in times) > 5:
                    expected.repeated.add((day, who))
    expected.members = len(set(person.values()))
    return expected


def run_through(world, file: Path, zone: str, aside: Path, expected: Expected) -> None:
    """Import, let every consumer work, and compare all that is counted."""
    community = world.community.pk
    group = group_for_import(community=world.community, name=file.stem, now=world.clock.now())
    *_, result = run_import(group=group, path=file, timezone=zone, rejected_path=aside, clock=world.clock)
    world.settle()
    assert (result.added, result.duplicates, result.rejected) == (expected.kinds.total(), 0, expected.rejected)
    assert len(aside.read_text().splitlines()) == expected.rejected
    of_group = Event.objects.filter(community_id=community, group_id=group.pk)
    counted = Counter(of_group.exclude(kind="decision.made").values_list("kind", flat=True))
    assert counted == expected.kinds + Counter({"group.created": 1, "import.finished": 1})
    assert Member.objects.filter(community_id=community).count() == expected.members
    assert Membership.objects.filter(group_id=group.pk).count() == expected.members

    by_day = {(d.day, d.member_id): d.messages for d in MemberDay.objects.filter(group_id=group.pk)}
    assert len(by_day) == len(expected.days)
    assert Counter((day, n) for (day, _), n in by_day.items()) == Counter(
        (day, n) for (day, _), n in expected.days.items()
    )
    hours = GroupHour.objects.filter(group_id=group.pk)
    sums = hours.aggregate(Sum("messages"), Sum("joins"), Sum("leaves"), Sum("commands"), Sum("decisions"))
    assert sums == {
        "messages__sum": expected.kinds["message.posted"], "joins__sum": expected.kinds["member.joined"],
        "leaves__sum": expected.kinds["member.left"], "commands__sum": 0, "decisions__sum": 0,
    }  # fmt: skip
    found = {h.hour: Counter({"messages": h.messages, "joins": h.joins, "leaves": h.leaves}) for h in hours}
    assert {hour: +counter for hour, counter in found.items() if +counter} == expected.hours
    check_decisions(community, group.pk, expected)

    # Nothing of it reached anybody.
    assert (Effect.objects.count(), Case.objects.count(), Posting.objects.count()) == (0, 0, 0)
    assert LedgerTransaction.objects.count() == 0
    assert PoisonedEvent.objects.count() == 0

    before = of_group.count()
    *_, again = run_import(group=group, path=file, timezone=zone, rejected_path=aside, clock=world.clock)
    world.settle()
    assert (again.added, again.duplicates, again.rejected) == (0, expected.kinds.total(), expected.rejected)
    assert of_group.count() == before

    for replayed in check_projections(community, CONSUMERS):
        assert [str(d) for d in replayed.differences] == []
    seal.seal_now(community_id=community, now=world.clock.now())
    with transaction.atomic():
        *_, report = blackbox.verify(raw_connection(), community, witnesses=())
    assert (report.findings, report.notes, report.sealed) == (
        [],
        [],
        Event.objects.filter(community_id=community).count(),
    )


# What a score finds cannot be worked out here.
READ_BY_SCORE = {"personal_attack", "flooding", "hostile_talk", "irrelevant_ad"}


def check_decisions(community: int, group: int, expected: Expected) -> None:
    """The daily cap once a day and member; equal links likewise; all of it for the record only."""
    decided = Decision.objects.filter(community_id=community, group_id=group)
    wanted = {"daily_cap": sum(n > 5 for n in expected.days.values()), "equal_links": len(expected.repeated)}
    by_rule = Counter(decided.values_list("rule", flat=True))
    assert +Counter({rule: by_rule[rule] for rule in wanted}) == +Counter(wanted)
    assert set(by_rule) - set(wanted) <= READ_BY_SCORE
    assert set(decided.filter(rule__in=wanted).values_list("outcome", flat=True)) == {"historic"}
    assert set(decided.values_list("outcome", flat=True)) <= {"historic", "shadow"}
    told = Event.objects.filter(community_id=community, group_id=group, kind="decision.made")
    assert (told.count(), told.filter(historic=False).count()) == (decided.count(), 0)


def test_an_irc_channel(world, tmp_path):
    file = real("chat_irc_qtox.tsv")
    expected = work_out(file, "Europe/London")
    assert expected.kinds == {
        "message.posted": 17383, "member.joined": 5895, "member.left": 5844, "member.renamed": 121,
    }  # fmt: skip
    run_through(world, file, "Europe/London", tmp_path / "aside", expected)


def test_a_slack_archive(world, tmp_path):
    file = real("chat_slack_crs_threads.tsv")
    expected = work_out(file, "UTC")
    assert expected.kinds == {"message.posted": 5484}
    run_through(world, file, "", tmp_path / "aside", expected)
