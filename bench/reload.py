"""A keyword library that grows by 50,000 words while people talk: when the consumers use it, and that nobody is missed.

Two consumer processes; members post on a timetable, each message with a word that is known from the beginning and with
one of the file that a moderator imports meanwhile, read and stored as the console does it. Counted from the press of
the button and from the commit until a decision by a new word can be seen by another session. At the end every message
has its decision by the old word, and by the new one exactly if it stands behind the change in the log.

Run: `.venv/bin/python bench/reload.py [--words 50000] [--known 1000] [--rate 200]`
"""

import argparse
import csv
import io
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import common
import psycopg
from latency import caught_up

LIMIT = 2.0
BEFORE, AFTER = 2.0, 3.0  # seconds of talk around the import
CONSUMERS = 2
OLD, NEW = "旧词引流号", "新词引流号"
JUDGED = "SELECT seq FROM decision WHERE community_id = %s AND rule = %s"


def rule(name: str, category: str) -> dict[str, Any]:
    """A rule on one category, on trial: its decisions are recorded, and opening cases is not what is measured."""
    return {
        "id": name, "name": name, "chapter": "risk", "state": "shadow", "on": ["message.posted"],
        "then": [{"warn": {}}],
        "when": {"fact": "keyword.categories", "any_of": [category]}, "explain": "{nickname},{consequence}",
    }  # fmt: skip


@dataclass
class Place:
    """The community, and somebody who talks in its group."""

    community: int
    group: int
    member: int


@dataclass
class Talk:
    """Messages on a timetable from a thread of their own; `seqs` are those that the log took."""

    place: Place
    per_second: int
    seqs: list[int] = field(default_factory=list)
    late: float = 0.0

    def __post_init__(self) -> None:
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._talk, name="talk")

    def _talk(self) -> None:
        from qunzhu.kernel.clock import SYSTEM_CLOCK
        from qunzhu.kernel.database import database_url
        from qunzhu.kernel.events import log
        from qunzhu.kernel.events.schema import NewEvent, event_id

        said = common.texts(1_000)
        began = time.perf_counter()
        with psycopg.connect(database_url()) as conn:
            while not self.stop.is_set():
                number = len(self.seqs)
                now = SYSTEM_CLOCK.now()
                body = {
                    "platform_id": f"r{number}", "type": "text", "nickname": "m",
                    "text": f"{said[number % len(said)]},{OLD}和{NEW}",
                }  # fmt: skip
                event = NewEvent(
                    self.place.community, event_id("reload", number), "message.posted", now, body, self.place.group,
                    self.place.member, "local",
                )  # fmt: skip
                sent = time.perf_counter()
                self.seqs.append(log.append(conn, [event], now=now)[0].seq)
                conn.commit()
                self.late = max(self.late, time.perf_counter() - sent)
                time.sleep(max(0.0, began + len(self.seqs) / self.per_second - time.perf_counter()))


def prepare(known: int) -> Place:
    """A community with two rules and `known` words beside the old one."""
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.directory import Directory
    from qunzhu.kernel.community.services import create_community, create_group
    from qunzhu.kernel.database import database_url
    from qunzhu.kernel.engine.rulebook_service import publish_rulebook
    from qunzhu.kernel.text.keywords import Word
    from qunzhu.risk.services import change_keywords

    now = SYSTEM_CLOCK.now()
    community = create_community(slug="reload", name="reload", timezone="Asia/Shanghai", blueprint={}, now=now)
    rules = [rule("by_old", "contact"), rule("by_new", "gambling")]
    publish_rulebook(community_id=community.pk, rules=rules, by="bench", now=now)
    words = [Word(word, "other") for word in common.keyword_list(known)] if known else []
    change_keywords(community_id=community.pk, added=[*words, Word(OLD, "contact")], by="bench", now=now)
    group = create_group(community=community, name="g", platform_id="reload-0", now=now)
    with psycopg.connect(database_url()) as conn:
        member = Directory("local").members(conn, community.pk, {"u": "m"}, now=now)["u"]
    return Place(community.pk, group.pk, member)


def library_file(words: int, known: int) -> bytes:
    """The CSV that a moderator uploads: `words` new words, the last of them the one that people say."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(("word", "category"))
    lines.writerows((word, "ad") for word in common.keyword_list(known + words)[: words - 1])
    lines.writerow((NEW, "gambling"))
    return out.getvalue().encode()


def import_words(place: Place, raw: bytes) -> None:
    """What the console does with an uploaded file."""
    from qunzhu.console.reading.word_files import parse_words
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.risk.services import change_keywords

    words, bad = parse_words(raw)
    assert words
    assert not bad
    change_keywords(community_id=place.community, added=words, by="bench", now=SYSTEM_CLOCK.now())


def first_use(place: Place, seconds: float) -> float:
    """When (perf_counter) a decision by the new word was there for another session."""
    from qunzhu.kernel.database import database_url

    until = time.perf_counter() + seconds
    with psycopg.connect(database_url(), autocommit=True) as conn:
        while time.perf_counter() < until:
            if conn.execute(f"{JUDGED} LIMIT 1", [place.community, "by_new"]).fetchone():
                return time.perf_counter()
            time.sleep(0.01)
    raise TimeoutError("no message was judged with the new words")


def judge(place: Place, talk: Talk) -> None:
    """Every message was judged, and with the library that stood before it in the log."""
    from qunzhu.kernel.database import database_url

    with psycopg.connect(database_url()) as conn:
        old, new = ({row[0] for row in conn.execute(JUDGED, [place.community, r])} for r in ("by_old", "by_new"))
        row = conn.execute(
            "SELECT max(seq) FROM event WHERE community_id = %s AND kind = 'keywords.changed'", [place.community]
        ).fetchone()
    published = row[0] if row else 0
    behind = {seq for seq in talk.seqs if seq > published}
    print(f"messages {len(talk.seqs):,}, {len(behind):,} of them behind the change; longest append {talk.late:.3f} s")
    print(f"messages missed: {len(set(talk.seqs) - old)}; judged with the wrong library: {len(behind ^ new)}")


def measure(words: int, known: int, per_second: int) -> None:
    import qunzhu.console.reading.word_files  # noqa: F401  (a console that runs has it loaded)

    place = prepare(known)
    raw = library_file(words, known)
    talk = Talk(place, per_second)
    talk.thread.start()
    try:
        time.sleep(BEFORE)
        pressed = time.perf_counter()
        import_words(place, raw)
        stored = time.perf_counter()
        used = first_use(place, 60)
        time.sleep(AFTER)
    finally:
        talk.stop.set()
        talk.thread.join()
    caught_up(place.community, 60)
    print(f"{words:,} words added to {known:,}, {per_second} messages/s, {CONSUMERS} consumers")
    print(f"read and stored {stored - pressed:.2f} s; in use after the commit {used - stored:.2f} s")
    print(f"in use after the press {used - pressed:.2f} s, {LIMIT / (used - pressed):.2f} of the limit of {LIMIT:g} s")
    judge(place, talk)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--words", type=int, default=50_000)
    parser.add_argument("--known", type=int, default=1_000)
    parser.add_argument("--rate", type=int, default=200)
    options = parser.parse_args()
    with common.scratch_home():
        common.set_up()
        parts = [
            subprocess.Popen([sys.executable, "-m", "qunzhu.config.cli", "consume"], stdout=subprocess.DEVNULL)
            for _ in range(CONSUMERS)
        ]
        try:
            measure(options.words, options.known, options.rate)
        finally:
            for part in parts:
                part.terminate()
            for part in parts:
                part.wait(20)


if __name__ == "__main__":
    main()
