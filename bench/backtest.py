"""A backtest of a month: messages a second, reading the log included, against the limit of 20,000.

30 rules, 50,000 keywords, 20,000 members, 200 groups; by as many processes as it takes by itself, by one, and where
some rules count per group, which only one can do. Run: `.venv/bin/python bench/backtest.py [--events 300000]`
"""

import argparse
import time
from datetime import timedelta

import common
import history
import pipeline

CATEGORIES = ("ad", "contact", "attack", "gambling", "porn", "fraud", "fundraising", "other")


def prepare(events: int) -> int:
    """A community with that much history, and its whole keyword library told to the log."""
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.text.keywords import Word
    from qunzhu.risk.services import change_keywords

    rules = pipeline.rulebook("member")
    community = history.fill("backtest", events, members=20_000, groups=200, rules=rules)
    words = [Word(word, CATEGORIES[n % 8]) for n, word in enumerate(common.keyword_list())]
    change_keywords(community_id=community, added=words, by="bench", now=SYSTEM_CLOCK.now())
    history.settle()
    return community


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=300_000)
    options = parser.parse_args()
    with common.scratch_home():
        common.set_up()
        measure(prepare(options.events))


def measure(community: int) -> None:
    answers = [
        replayed(community, "member", None, "first"),
        replayed(community, "member", None, "again"),
        replayed(community, "member", 1, "one process"),
    ]
    print(f"the same bytes each time: {len(set(answers)) == 1}, {len(answers[0]):,} bytes")
    replayed(community, "group", None, "counting per group")
    replayed(community, "member", None, "against another rulebook", against="rulebook")


def replayed(community: int, per: str, processes: int | None, name: str, against: str = "recorded") -> bytes:
    """One backtest, timed; its report."""
    import psycopg

    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.selectors import log_head
    from qunzhu.kernel.database import database_url
    from qunzhu.risk.backtest import run as backtest
    from qunzhu.risk.backtest.replay import Stretch

    now = SYSTEM_CLOCK.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    stretch = Stretch(today - timedelta(days=400), today + timedelta(days=2))
    rules = pipeline.rulebook(per)
    question = backtest.Question(
        community, backtest.Rulebook(rules, {}), stretch, log_head(community), words_of_today=True, against=against,
        other=backtest.Rulebook(rules[:-1], {}),
    )  # fmt: skip
    with psycopg.connect(database_url()) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        begun = time.perf_counter()
        *_, report = backtest.run(conn, question, processes=processes)
        took = time.perf_counter() - begun
    assert isinstance(report, backtest.Report)
    common.rate(f"backtest, {len(rules)} rules, {name}", report.judged.events, took)
    totals = report.compared.totals
    print(f"{totals.after:,} hits on {report.judged.events:,} messages of {report.judged.people:,} people")
    return backtest.encode(report)


if __name__ == "__main__":
    main()
