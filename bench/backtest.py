"""A backtest of a month: messages a second on one core, reading the log included, against the limit of 20,000.

30 rules, 50,000 keywords, 20,000 members, 200 groups. Run: `.venv/bin/python bench/backtest.py [--events 300000]`
"""

import argparse
import time
from datetime import timedelta

import common
import history
import pipeline

CATEGORIES = ("ad", "contact", "attack", "gambling", "porn", "fraud", "fundraising", "other")


def prepare(events: int) -> tuple[int, list[dict[str, object]]]:
    """A community with that much history, and its whole keyword library told to the log."""
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.text.keywords import Word
    from qunzhu.risk.services import change_keywords

    rules = pipeline.rulebook()
    community = history.fill("backtest", events, members=20_000, groups=200, rules=rules)
    words = [Word(word, CATEGORIES[n % 8]) for n, word in enumerate(common.keyword_list())]
    change_keywords(community_id=community, added=words, by="bench", now=SYSTEM_CLOCK.now())
    history.settle()
    return community, rules


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=300_000)
    options = parser.parse_args()
    with common.scratch_home():
        common.set_up()
        community, rules = prepare(options.events)
        measure(community, rules)


def measure(community: int, rules: list[dict[str, object]]) -> None:
    import psycopg

    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.selectors import log_head
    from qunzhu.kernel.database import database_url
    from qunzhu.risk.backtest import run as backtest
    from qunzhu.risk.backtest.replay import Stretch

    now = SYSTEM_CLOCK.now()
    stretch = Stretch(now - timedelta(days=400), now + timedelta(days=1))
    question = backtest.Question(
        community, backtest.Rulebook(rules, {}), stretch, log_head(community), words_of_today=True
    )
    answers = []
    for attempt in ("first", "again"):
        with psycopg.connect(database_url()) as conn:
            conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            begun = time.perf_counter()
            *_, report = backtest.run(conn, question)
            took = time.perf_counter() - begun
        assert isinstance(report, backtest.Report)
        common.rate(f"backtest, {len(rules)} rules, {attempt}", report.judged.events, took)
        answers.append(backtest.encode(report))
    totals = report.compared.totals
    print(f"{totals.after:,} hits on {report.judged.events:,} messages of {report.judged.people:,} people")
    print(f"the same bytes twice: {answers[0] == answers[1]}, {len(answers[0]):,} bytes")


if __name__ == "__main__":
    main()
