"""The breaker over recorded channels, and what it costs an event: `python bench/breaker.py [FOLDER [FILE.tsv …]]`.

Every user who joins is a newcomer as in a live group. With `--all-new` everybody who speaks is one, all the time: how
often ordinary talk would look like a raid if nothing but its words were asked.
"""

import csv
import random
import sys
import time
import timeit
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from qunzhu.kernel.events.schema import Event, event_id
from qunzhu.risk.breaker.policy import Limits, Watcher

FILES = ("chat_irc_qtox.tsv", "chat_irc_ubuntu_replies.tsv")
KINDS = {"join": "member.joined", "msg": "message.posted"}
NOW = datetime(2026, 11, 24, tzinfo=UTC)
TALK = "收到,谢谢老师分享今天的行业早报"
ALL_NEW = Limits(joins=1, joins_within=1_000_000, newcomers_for=1_000_000)


def events(path: Path, *, all_new: bool) -> Iterator[Event]:
    """The joins and messages of a channel; the files of the second format are channels of their own."""
    numbers: dict[tuple[str, int], int] = {}
    groups: dict[str, int] = {}
    seq, clock = 0, "00:00"
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            kind = KINDS.get(row["kind"])
            if kind is None:
                continue
            clock = row.get("time") or clock  # a few lines of the second format have none: that of the line before
            at = datetime.fromisoformat(row.get("ts_bst") or f"{row['date']} {clock}").replace(tzinfo=UTC)
            group = groups.setdefault(row.get("file") or "", len(groups) + 1)
            fresh = (row["user"], group) not in numbers
            member = numbers.setdefault((row["user"], group), len(numbers) + 1)
            if all_new and fresh and kind != "member.joined":
                seq += 1
                yield Event(1, seq, event_id(seq), "member.joined", group, member, at, at, "import", False, {})
            seq += 1
            yield Event(
                1, seq, event_id(seq), kind, group, member, at, at, "import", False, {"text": row["text"] or ""}
            )


def measure(path: Path, *, all_new: bool) -> str:
    """One line of the table."""
    heard = list(events(path, all_new=all_new))
    watcher = Watcher(ALL_NEW if all_new else Limits())
    begun = time.process_time()
    raids = [raid for event in heard if (raid := watcher.hear(event)) is not None]
    spent = time.process_time() - begun
    joins = sum(event.kind == "member.joined" for event in heard)
    asked = "everybody is new" if all_new else "as it was"
    return (
        f"| {path.name}, {asked} | {len(heard):,} | {joins:,} | {sum(not r.more for r in raids)} |"
        f" {spent / len(heard) * 1e6:.2f} µs |"
    )


def made_up() -> dict[str, list[Event]]:
    """Stretches that show what each kind of event costs."""
    draw = random.Random(1)
    letters = [chr(code) for code in range(0x4E00, 0x9FFF)]
    regulars = [_event(100 + n, "message.posted", 1_000 + n % 300, n / 100, TALK) for n in range(5_000)]
    fresh = [(n, n % 100, "大家好," + "".join(draw.choices(letters, k=14))) for n in range(500)]
    return {
        "regulars, no newcomers": regulars,
        "regulars beside newcomers": [*(_event(n, "member.joined", n, 0) for n in range(20)), *regulars],
        "joins, 50 a second": [_event(n, "member.joined", n, n / 50) for n in range(5_000)],
        "newcomers, five different texts a second": [
            *(_event(n, "member.joined", n, 0) for n in range(100)),
            *(_event(1_000 + n, "message.posted", member, n / 5, text) for n, member, text in fresh),
        ],
    }


def _event(seq: int, kind: str, member: int, after: float, text: str = "") -> Event:
    at = NOW + timedelta(seconds=after)
    return Event(1, seq, event_id(1), kind, 3, member, at, at, "local", False, {"text": text})


def cost(stretch: list[Event]) -> float:
    """Microseconds an event, the best of five."""

    def hear_all() -> None:
        watcher = Watcher(Limits())
        for event in stretch:
            watcher.hear(event)

    return min(timeit.repeat(hear_all, number=1, repeat=5)) / len(stretch) * 1e6


def main() -> None:
    print("| made up | per event |\n| --- | --- |")
    for name, stretch in made_up().items():
        print(f"| {name} | {cost(stretch):.2f} µs |")
    given = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    if not given:
        return
    folder, *names = given
    print("\n| channel | events | joins | raids found | per event |\n| --- | --- | --- | --- | --- |")
    for name in names or FILES:
        for all_new in (False, True) if "--all-new" in sys.argv else (False,):
            print(measure(Path(folder) / name, all_new=all_new))


if __name__ == "__main__":
    main()
