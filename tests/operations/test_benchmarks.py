"""Every benchmark runs and prints each figure that is looked for; how large the figures are is no matter of a test."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from run import BENCHMARKS, Benchmark, run  # noqa: E402  (bench is a folder of scripts, no package)

SMALLEST = {
    "engine": ("1000",),
    "pipeline": ("--messages", "2000", "--communities", "1"),
    "backtest": ("--events", "2000"),
    "receiver": ("1",),
    "latency": ("--seconds", "2"),
    "checkins": ("--members", "40", "--groups", "2", "--rate", "200"),
    "leaderboard": ("300",),
    "pages": ("--small", "2000", "--big", "6000", "--members", "500", "--groups", "20", "--repeats", "2"),
    "reload": ("--words", "500", "--known", "10", "--rate", "50"),
    "importing": ("--lines", "3000"),
}


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda b: b.script)
def test_a_benchmark_prints_every_figure(benchmark, monkeypatch):
    for name in ("DATABASE_URL", "QUNZHU_HOME", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.delenv(name, raising=False)
    smallest = Benchmark(benchmark.script, SMALLEST[benchmark.script], (), benchmark.figures)
    reached = run(smallest, quick=False)
    assert [figure.name for figure, value in reached if value is None] == []
    assert [value for figure, value in reached if figure.name == "pages with another number of queries"] in ([], [0])
