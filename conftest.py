"""Every test session gets its own PostgreSQL in its own folder, so that sessions never meet."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Kept short: PostgreSQL's socket lies in this folder and its path may have 107 bytes.
_home = Path(tempfile.mkdtemp(prefix="qzt-", dir="/tmp"))
_home.chmod(0o755)  # PostgreSQL runs as another user when the tests run as root
(_home / "static").mkdir()  # whitenoise warns without it
os.environ["QUNZHU_HOME"] = str(_home)
os.environ.pop("DATABASE_URL", None)
os.environ["DJANGO_SETTINGS_MODULE"] = "qunzhu.config.settings"


def _clean_up() -> None:
    from qunzhu.kernel.database import stop_embedded

    if (_home / "pg").exists():
        stop_embedded(_home / "pg")
    shutil.rmtree(_home, ignore_errors=True)


atexit.register(_clean_up)

# Loading the settings here, after the folder is chosen, lets pytest-django find Django configured.
from django.conf import settings  # noqa: E402

assert _home == settings.HOME  # noqa: S101

import pytest  # noqa: E402


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:  # noqa: ARG001  (runs first)
    """Whoever asks `database_url()` during tests gets the test database, as Django does.

    At the end sessions that a test left open are ended, so that the database can be dropped.
    """
    from django.db import connection

    parameters = connection.settings_dict
    os.environ["DATABASE_URL"] = f"postgresql://postgres:@/{parameters['NAME']}?host={parameters['HOST']}"
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
