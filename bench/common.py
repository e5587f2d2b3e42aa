"""What every benchmark shares: a scratch installation of its own, made-up messages, and how a figure is printed."""

import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

CHARACTERS = (
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自"
    "以会家可下而过天去能对小多然于心学么之都好看起发当没成只如事把还用第样道想作种开"
)
WORDS_SEED = 20_261
START = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


@contextmanager
def scratch_home() -> Iterator[Path]:
    """A fresh installation with its own PostgreSQL in a short path; removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="qzb-", dir="/tmp"))
    home.chmod(0o755)
    os.environ["QUNZHU_HOME"] = str(home)
    os.environ.pop("DATABASE_URL", None)
    try:
        yield home
    finally:
        from qunzhu.kernel.database import stop_embedded

        stop_embedded(home / "pg")
        shutil.rmtree(home, ignore_errors=True)


def set_up() -> None:
    """Django, and an empty migrated database, in the scratch home."""
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def keyword_list(count: int = 50_000) -> list[str]:
    """`count` different made-up words of 2–6 rare characters, so that they hit about as seldom as a real library."""
    draw = random.Random(WORDS_SEED)
    words: set[str] = set()
    while len(words) < count:
        words.add("".join(chr(draw.randrange(0x4E00, 0x9FA5)) for _ in range(draw.choice((2, 3, 3, 4, 4, 5, 6)))))
    return sorted(words)


def texts(count: int, seed: int = 7) -> list[str]:
    """`count` chat messages of 4–60 characters; 4 % carry a link, 1 % sound like an ad."""
    draw = random.Random(seed)
    result = []
    for _ in range(count):
        text = "".join(draw.choices(CHARACTERS, k=min(60, 4 + int(draw.expovariate(1 / 14)))))
        roll = draw.random()
        if roll < 0.04:
            text += f" https://example.com/p/{draw.randrange(400)}?utm_source=wx"
        elif roll < 0.05:
            text += f" 优惠代理加微信 vx{draw.randrange(10**6):06d}"
        result.append(text)
    return result


def spread(count: int, seconds: int = 36_000) -> list[datetime]:
    """`count` instants in order over a working day, as messages come."""
    step = timedelta(seconds=seconds / count)
    return [START + step * n for n in range(count)]


def rate(work: str, count: int, seconds: float) -> float:
    """Print one figure and return it, in events a second."""
    per_second = count / seconds
    print(f"{work:<58} {per_second:>12,.0f} /s   ({seconds:.2f} s)")
    return per_second


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]


@contextmanager
def clocked() -> Iterator[list[float]]:
    """Yields a list that receives the elapsed seconds."""
    out: list[float] = []
    begun = time.perf_counter()
    yield out
    out.append(time.perf_counter() - begun)
