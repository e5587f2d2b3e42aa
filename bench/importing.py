"""`qunzhu import`: lines of an export a second into the log, against the limit and a raw COPY; memory at two lengths.

The exports are made up: 2,000 people, messages of 4–60 characters, now and then a join, a leave, a broken line. Each
import runs in a process of its own, so that its peak memory is its own.
Run: `.venv/bin/python bench/importing.py [--lines 300000] [--formats csv,chatlab] [--profile]`
"""

import argparse
import csv
import io
import json
import multiprocessing
import resource
import time
from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Any

import common

LIMIT = 15_000
FLAT = 1.15  # peak of three times the lines, against the peak of a third
PEOPLE = 2_000
SUFFIX = {"csv": "csv", "chatlab": "jsonl"}


def export(path: Path, fmt: str, lines: int) -> Path:
    """Write `lines` records to `path`, one a line (ChatLab: after its header)."""
    said = common.texts(5_000, seed=lines)
    step = timedelta(days=200) / lines
    start = common.START - timedelta(days=220)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if fmt == "csv":
            writer.writerow(("time", "user_id", "user", "kind", "text"))
        else:
            header = {"_type": "header", "chatlab": {"version": "0.0.2", "exportedAt": 1}}
            file.write(json.dumps({**header, "meta": {"name": "bench", "platform": "wechat", "type": "group"}}) + "\n")
        for n in range(lines):
            who, at = n * 7919 % PEOPLE, start + step * n
            text = f"{said[n % 5_000]} {n}"
            if fmt == "csv":
                kind = "join" if n % 500 == 1 else "leave" if n % 500 == 2 else "msg"
                writer.writerow((at.isoformat(), f"wxid_{who}", f"成员{who}", kind, text))
            else:
                record = {"_type": "message", "sender": f"wxid_{who}", "accountName": f"成员{who}"}
                moment = {"timestamp": round(at.timestamp()), "type": 0, "content": text}
                file.write(json.dumps({**record, **moment}, ensure_ascii=False) + "\n")
    return path


def run(path: str, name: str, fmt: str, profile: bool, answers: Any) -> None:
    """In a process of its own: import, and answer (seconds, added, rejected, MB before, MB at the peak)."""
    common.set_up()
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.models import Community
    from qunzhu.kernel.connectors.imports.services import Result, group_for_import, run_import

    community = Community.objects.get(slug="bench")
    group = group_for_import(community=community, name=name, now=SYSTEM_CLOCK.now())
    before = _megabytes()

    def work() -> tuple[float, Result]:
        with common.clocked() as took:
            last = deque(run_import(group=group, path=Path(path), fmt=fmt, by="bench"), maxlen=1).pop()
        assert isinstance(last, Result)
        return took[0], last

    if profile:
        import cProfile
        import pstats

        profiler = cProfile.Profile()
        seconds, result = profiler.runcall(work)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
    else:
        seconds, result = work()
    answers.put((seconds, result.added, result.rejected, before, _megabytes()))


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def raw_copy() -> tuple[int, float]:
    """Rows and seconds to COPY all imported events (text, one transaction) into a table without any index."""
    import psycopg

    from qunzhu.kernel.database import database_url

    data = io.BytesIO()
    with psycopg.connect(database_url()) as conn, conn.cursor() as cursor:
        with cursor.copy("COPY (SELECT * FROM event WHERE historic) TO STDOUT") as out:
            for part in out:
                data.write(part)
        conn.execute("CREATE TABLE raw_event (LIKE event)")
        view = data.getbuffer()
        with common.clocked() as took:
            with cursor.copy("COPY raw_event FROM STDIN") as copy:
                for begin in range(0, len(view), 1 << 20):
                    copy.write(view[begin : begin + (1 << 20)])
            conn.commit()
        rows = cursor.rowcount
        conn.execute("DROP TABLE raw_event")
    return rows, took[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=300_000)
    parser.add_argument("--formats", default="csv,chatlab")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with common.scratch_home() as home:
        common.set_up()
        from qunzhu.kernel.community.services import create_community

        create_community(slug="bench", name="bench", timezone="Asia/Shanghai", blueprint={}, now=common.START)
        worst, growth = float("inf"), 0.0
        for fmt in options.formats.split(","):
            peaks = []
            for lines in (options.lines // 3, options.lines):
                seconds, peak = one(home, fmt, lines, profile=options.profile)
                peaks.append(peak)
            worst = min(worst, common.rate(f"import {fmt}, {options.lines:,} lines", options.lines, seconds))
            growth = max(growth, peaks[1] / peaks[0])
        rows, took = raw_copy()
        copy = common.rate("raw COPY of the same rows", rows, took)
    print(f"{'slowest import, ratio to raw COPY':<58} {worst / copy:>12.3f}")
    print(f"{'slowest import against the limit of 15,000 lines/s':<58} {worst / LIMIT:>12.2f} x")
    print(f"{'peak memory at three times the lines':<58} {growth:>12.2f} x   (flat: ≤ {FLAT})")


def one(home: Path, fmt: str, lines: int, *, profile: bool) -> tuple[float, float]:
    """Import one made-up export; seconds, and the peak in MB."""
    file = export(home / f"{fmt}-{lines}.{SUFFIX[fmt]}", fmt, lines)
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    worker = context.Process(target=run, args=(str(file), f"{fmt} {lines}", fmt, profile, answers))
    worker.start()
    while worker.is_alive() and answers.empty():
        time.sleep(0.2)
    seconds, added, rejected, before, peak = answers.get(timeout=5)
    worker.join()
    assert (added, rejected) == (lines, 0), f"{added} added, {rejected} rejected of {lines}"
    print(f"{fmt} {lines:,} lines: {lines / seconds:,.0f} /s; memory {before:.0f} MB before, {peak:.0f} MB at the peak")
    file.unlink()
    return seconds, peak


if __name__ == "__main__":
    main()
