"""Every benchmark, one after another, and one table: figure, limit, reached, ratio. `make bench` calls it.

Each runs in a process of its own on an installation of its own. A ratio of 1 or more reaches the limit (for times:
limit ÷ reached). Run: `.venv/bin/python bench/run.py [--quick] [--only pipeline,pages]`; `--quick` takes small sizes,
to see that all works; its figures say nothing.
"""

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Figure:
    """What is looked for in the output (`pattern` has one group), and the limit it is held against."""

    name: str
    pattern: str
    limit: float
    unit: str
    at_most: bool = False

    def ratio(self, reached: float) -> float:
        """How many times the limit is reached."""
        return self.limit / reached if self.at_most else reached / self.limit


@dataclass(frozen=True)
class Benchmark:
    """A script with its arguments for real and for a quick look."""

    script: str
    arguments: tuple[str, ...]
    quick: tuple[str, ...]
    figures: tuple[Figure, ...]


BENCHMARKS = (
    Benchmark(
        "engine", (), ("10000",),
        (
            Figure("evaluation, 30 rules, one core", r"^30 rules: ([\d,]+) messages/s", 20_000, "messages/s"),
            Figure("evaluation, 300 rules, one core", r"^300 rules: ([\d,]+) messages/s", 5_000, "messages/s"),
        ),
    ),
    Benchmark(
        "pipeline", (), ("--messages", "20000"),
        (
            Figure("append → all consumers caught up", r"consumers caught up +([\d,]+) /s", 15_000, "messages/s"),
            Figure("… ratio to a raw COPY of the rows", r"^ratio to raw COPY +([\d.]+)", 0.10, "(aim)"),
        ),
    ),
    Benchmark(
        "backtest", (), ("--events", "20000"),
        (Figure("backtest, 30 rules, one core", r"^backtest, 30 rules, \w+ +([\d,]+) /s", 20_000, "messages/s"),),
    ),
    Benchmark(
        "leaderboard", (), ("10000",),
        (Figure("leaderboard with own rank, p95", r"^week: [^\n]* p95 ([\d.]+) ms", 50, "ms", at_most=True),),
    ),
    Benchmark(
        "receiver", (), ("2",),
        (
            Figure("receiver, acknowledged", r"^acknowledged after commit +([\d,]+) /s", 8_000, "messages/s"),
            Figure("receiver, p99", r"^acknowledged after commit[^\n]*\n[^\n]*p99 ([\d.]+) ms", 50, "ms", at_most=True),
        ),
    ),
    Benchmark(
        "latency", (), ("--seconds", "5"),
        (
            Figure("post → executed effect, p99", r"^from post[^\n]*p99 ([\d.]+) ms ·", 300, "ms", at_most=True),
            Figure("… receiver at that load, p99", r"^receiver, from[^\n]*p99 ([\d.]+) ms ·", 50, "ms", at_most=True),
        ),
    ),
    Benchmark(
        "checkins", (), ("--members", "500"),
        (
            Figure("5,000 check-ins in a second, last answer", r"^post → answer:.*max ([\d.]+)", 5, "s", at_most=True),
            Figure("… not answered", r"^unanswered: (\d+)", 0, "", at_most=True),
        ),
    ),
    Benchmark(
        "pages", (), ("--big", "100000", "--repeats", "5"),
        (
            Figure("slowest console page, p95", r"^worst console page, p95: ([\d.]+) ms", 150, "ms", at_most=True),
            Figure("pages with another number of queries", r"other number of queries: (\d+)", 0, "", at_most=True),
        ),
    ),
    Benchmark(
        "reload", (), ("--words", "2000", "--rate", "50"),
        (
            Figure("50,000 words, press → first decision", r"^in use after the press ([\d.]+) s", 2, "s", at_most=True),
            Figure("… messages missed", r"^messages missed: (\d+)", 0, "", at_most=True),
            Figure("… judged by another library", r"wrong library: (\d+)", 0, "", at_most=True),
        ),
    ),
    Benchmark(
        "importing", (), ("--lines", "30000"),
        (
            Figure("import, slowest format", r"^import \w+, [\d,]+ lines +([\d,]+) /s", 15_000, "lines/s"),
            Figure("… memory at three times the lines", r"^peak memory[^\n]*? ([\d.]+) x", 1.15, "x", at_most=True),
        ),
    ),
)  # fmt: skip


def run(benchmark: Benchmark, *, quick: bool) -> list[tuple[Figure, float | None]]:
    """Run one script, passing its output on; each figure with what was found (of several, the worst), None if none."""
    arguments = benchmark.quick if quick else benchmark.arguments
    command = [sys.executable, str(FOLDER / f"{benchmark.script}.py"), *arguments]
    print(f"\n── {benchmark.script} {' '.join(arguments)}", flush=True)
    output = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            output.append(line)
    text = "".join(output)
    reached = []
    for figure in benchmark.figures:
        found = [float(value.replace(",", "")) for value in re.findall(figure.pattern, text, re.MULTILINE)]
        worst = max if figure.at_most else min
        reached.append((figure, worst(found) if found and process.returncode == 0 else None))
    return reached


def table(rows: list[tuple[Figure, float | None]]) -> str:
    """The table in Markdown."""
    lines = ["| figure | limit | reached | ratio |", "|---|---|---|---|"]
    for figure, reached in rows:
        limit = f"{'≤' if figure.at_most else '≥'} {figure.limit:,g} {figure.unit}"
        if reached is None:
            lines.append(f"| {figure.name} | {limit} | failed | – |")
            continue
        same = reached == figure.limit
        ratio = "1.00" if same else f"{figure.ratio(reached):.2f}"
        lines.append(f"| {figure.name} | {limit} | {reached:,g} {figure.unit} | {ratio} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="names, separated by commas")
    options = parser.parse_args()
    wanted = set(filter(None, options.only.split(",")))
    rows: list[tuple[Figure, float | None]] = []
    began = time.monotonic()
    for benchmark in BENCHMARKS:
        if not wanted or benchmark.script in wanted:
            rows += run(benchmark, quick=options.quick)
    print(f"\n{table(rows)}\n\n{(time.monotonic() - began) / 60:.0f} minutes")
    if any(reached is None for _, reached in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
