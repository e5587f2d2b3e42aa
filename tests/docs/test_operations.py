"""Operations pages list exactly what exists: settings, commands, jobs."""

import re
from pathlib import Path

from qunzhu.config.cli import COMMANDS
from qunzhu.config.jobs import JOBS
from qunzhu.kernel.database import NETWORK_TIMEOUTS

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs/operations"


def rows(page: str, pattern: str) -> list[str]:
    return re.findall(pattern, (PAGES / page).read_text(), re.MULTILINE)


def test_every_environment_variable_is_documented_and_no_other():
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]
    used = {
        name
        for path in sources
        if "tests" not in path.parts
        for name in re.findall(
            r"[\"'`]?\b(QUNZHU_[A-Z]+(?:_[A-Z]+)*|PROMETHEUS_MULTIPROC_DIR|DATABASE_URL)\b", path.read_text()
        )
    }
    # installation_secret("name") reads QUNZHU_<NAME>
    for path in sources:
        used |= {f"QUNZHU_{name.upper()}" for name in re.findall(r"installation_secret\(\"(\w+)\"\)", path.read_text())}
    assert set(rows("settings.md", r"^\| `(\w+)` \|")) == used


def test_the_timeouts_that_a_database_url_gets_are_documented():
    assert dict(rows("settings.md", r"`(\w+)=(\d+)`")) == NETWORK_TIMEOUTS


def test_every_command_is_documented_in_the_order_of_help():
    assert rows("commands.md", r"^\| `qunzhu ([a-z]+)` \|") == list(COMMANDS)


def test_every_command_can_be_loaded_and_explains_itself():
    from qunzhu.config.cli import qunzhu

    for name in COMMANDS:
        command = qunzhu.get_command(None, name)  # type: ignore[arg-type]
        assert command.help, name


def test_every_job_is_documented_with_its_times():
    assert rows("jobs.md", r"^\| `(time\.\w+)` \| `([^`]+)` \|") == [(name, cron) for name, (cron, _) in JOBS.items()]
