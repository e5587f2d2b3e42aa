"""One storm for all its tests: a home, a scene, two hundred kills, and what is there afterwards."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from qunzhu.kernel.database import start_embedded
from tests.operations.installation import Installation

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("QUNZHU_FAULT_KILLS", "200"))
SEED = int(os.environ.get("QUNZHU_FAULT_SEED", "0")) or secrets.randbelow(10**6) + 1
STORM_SECONDS = 900
FIGURES: list[str] = []  # how to repeat the storm, and what it was


@dataclass
class Aftermath:
    """The installation after the storm, with its database running, and what the storm reported."""

    place: Installation
    report: dict[str, Any]

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(start_embedded(self.place.home / "pg")) as conn:
            return conn.execute(sql, values).fetchall()


def run_module(place: Installation, module: str, *arguments: object) -> str:
    """What `python -m module` prints in that home; fails with all it said when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=place.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=STORM_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("storm")
        for line in FIGURES:
            terminalreporter.line(line)


@pytest.fixture
def place() -> Iterator[Installation]:
    installation = Installation()
    yield installation
    installation.close()


@pytest.fixture(scope="package")
def aftermath() -> Iterator[Aftermath]:
    place = Installation()
    scene, result = place.home / "scene.json", place.home / "storm.json"
    try:
        FIGURES.append(f"QUNZHU_FAULT_SEED={SEED} QUNZHU_FAULT_KILLS={KILLS}")
        scene.write_text(run_module(place, "tests.faults.scene"))
        run_module(place, "tests.faults.storm", scene, result, KILLS, SEED)
        report = json.loads(result.read_text())
        kills, seconds = report["kills"], report["seconds"]
        FIGURES.append(
            f"{sum(kills.values())} kills ({', '.join(f'{kills[k]} {k}' for k in sorted(kills))}),"
            f" {len(report['said']):,} messages acknowledged in {report['tries']:,} tries,"
            f" {report['effects']:,} effects, {seconds['storm']} s of storm, {seconds['drain']} s until all was done"
        )
        yield Aftermath(place, report)
    finally:
        place.close()
