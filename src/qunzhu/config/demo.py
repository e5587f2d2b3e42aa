"""`qunzhu demo`: a community with a simulated month and a live group, in one folder of its own."""

import os
import secrets
import shutil
import time
from datetime import datetime
from pathlib import Path

import click

from qunzhu.config.processes import HOST, PORT, check_port
from qunzhu.config.supervisor import say
from qunzhu.kernel.clock import SYSTEM_CLOCK

BLUEPRINT = "workplace-knowledge"
COMPANY = 6  # simulated members in the live group
_MARK = "demo"  # this folder is a demo's: when it was begun, and whether it is prepared
_SIGN_IN = "demo-sign-in"  # user name and password of the demo's owner


@click.command()
@click.option("--host", default=HOST, envvar="QUNZHU_HOST", show_default=True, help="address to listen on")
@click.option("--port", default=PORT, envvar="QUNZHU_PORT", show_default=True, type=click.IntRange(1, 65535))
@click.option("--fresh", is_flag=True, help="throw the demo's data away and start over")
def command(host: str, port: int, fresh: bool) -> None:
    """Create the demo in ./var/demo (or QUNZHU_HOME), start everything and stay; Ctrl-C ends it."""
    folder = Path(os.environ.get("QUNZHU_HOME") or "var/demo").resolve()
    os.environ["QUNZHU_HOME"] = str(folder)
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  (compared, not bound)
    os.environ.setdefault("QUNZHU_PUBLIC_URL", f"http://{shown}:{port}")
    check_port(host, port)
    if fresh:
        throw_away(folder)
    folder.mkdir(parents=True, exist_ok=True)
    from qunzhu.config.up import run_up

    raise SystemExit(run_up(host=host, port=port, consumers=1, on_ready=welcome, prepare=lambda: prepare(folder)))


def throw_away(folder: Path) -> None:
    """Remove the demo's folder, after its PostgreSQL; refused while it runs, and for a folder that is no demo."""
    from qunzhu.config.problems import Problem
    from qunzhu.config.up import only_one
    from qunzhu.kernel.database import stop_embedded

    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / _MARK).exists():
        raise Problem(f"{folder} is not a demo's folder", "remove it yourself, or set QUNZHU_HOME to another one")
    with only_one(folder / "up.lock"):
        say("demo", f"starting over in {folder}")
        if (folder / "pg").exists():
            stop_embedded(folder / "pg")
    shutil.rmtree(folder)


def prepare(folder: Path) -> None:
    """Database, community, simulated month, company in the live group; what is there already is kept.

    An interrupted preparation goes on where it stopped: the mark remembers its moment, and each step done twice is
    done once.
    """
    started = time.monotonic()
    mark = folder / _MARK
    if not mark.exists():
        mark.write_text(SYSTEM_CLOCK.now().isoformat())
    began, _, finished = mark.read_text().partition("\n")
    if finished:
        say("demo", "已有的数据保留 keeping the data of last time (--fresh starts over)")
        return
    fill(folder, datetime.fromisoformat(began))
    mark.write_text(f"{began}\nprepared\n")
    say("demo", f"prepared in {time.monotonic() - started:.1f} s")


def fill(folder: Path, now: datetime) -> None:
    """The community from its blueprint, the month before `now`, and company in the live group."""
    from qunzhu.config.init import init_community, load_checked
    from qunzhu.config.simulate import DAYS, PEOPLE, SEED, join_speakers, simulate_month
    from qunzhu.kernel.community.models import Community
    from qunzhu.simulation.people import population

    loaded = load_checked(BLUEPRINT)
    community = Community.objects.filter(slug=loaded.blueprint.slug).first()
    if community is None:
        say("demo", f"正在按蓝图建社群 creating the community from {BLUEPRINT}")
        community = init_community(loaded=loaded, now=now).community
    _keep_sign_in(folder / _SIGN_IN, loaded.blueprint.staff[0].username)
    say("demo", f"正在模拟过去一个月 simulating a month of {PEOPLE} marked members")
    people = population(SEED, PEOPLE, DAYS)
    added = simulate_month(community=community, people=people, days=DAYS, seed=SEED, now=now)
    say("demo", f"{added:,} simulated events are in the log")
    join_speakers(community=community, people=population(SEED + 1, COMPANY), now=now)


def welcome(url: str) -> None:
    """What to open, once everything answers."""
    from django.conf import settings
    from django.db import connections

    from qunzhu.kernel.community.models import Community, Group
    from qunzhu.kernel.connectors.local.models import Room

    community = Community.objects.get(slug=BLUEPRINT)
    group = Group.objects.filter(community=community, connector="local").order_by("pk")[0]
    code = Room.objects.get(group_id=group.pk).join_code
    connections.close_all()
    username, _, password = (Path(settings.HOME) / _SIGN_IN).read_text().strip().partition(" ")
    for line in (
        "",
        f"就绪 Ready: {community.name}",
        "",
        f"  进群聊天 join the group   {url}/j/{code}/      (手机或电脑 phone or desktop)",
        f"  二维码 QR code            {url}/j/{code}/qr.svg",
        f"  群聊 chat, once joined    {url}/g/{group.pk}/",
        f"  控制台 console            {url}/console/",
        f"  账号 user  {username}      密码 password  {password}",
        "",
        "  试试 try: 签到 · 积分 · 帮助 · 连发 6 条同一链接 the same link six times",
        "  过去一个月是模拟的，每个模拟成员都有（模拟）标记 the past month is simulated and marked so",
        "  Ctrl-C 结束 ends it; 数据保留 data is kept",
        "",
    ):
        say("demo", line)


def _keep_sign_in(file: Path, username: str) -> None:
    """A demo can be opened again tomorrow: its sign-in lies beside its data, readable by this user alone."""
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.get(username=username)
    password = secrets.token_urlsafe(9)
    user.set_password(password)
    user.save(update_fields=["password"])
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(f"{username} {password}\n")
