"""`qunzhu demo`: a community with a simulated month and a live group, in a home of its own."""

import os
import secrets
import shutil
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qunzhu.config.problems import Problem
from qunzhu.config.processes import HOST, PORT, check_port
from qunzhu.config.supervisor import say
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.database import home_path

if TYPE_CHECKING:
    from qunzhu.kernel.community.models import Community, Group

BLUEPRINT = "workplace-knowledge"
COMPANY = 6  # simulated members in the live group
STAGE = "职场知识分享 2 群（模拟）"  # the group in which simulated members act
CASE_KINDS = 2  # that the act ends with: a reported member, a fundraising word
ACT_SECONDS = 90  # then the console shows it later, and we say so
_MARK = "demo-mark"  # this home is a demo's; its lines: when it was begun, "prepared", "acted"
_SIGN_IN = "demo-sign-in"  # user name and password of the demo's owner


@click.command()
@click.option("--host", default=HOST, envvar="QUNZHU_HOST", show_default=True, help="address to listen on")
@click.option("--port", default=PORT, envvar="QUNZHU_PORT", show_default=True, type=click.IntRange(1, 65535))
@click.option("--fresh", is_flag=True, help="throw the demo's data away and start over")
def command(host: str, port: int, fresh: bool) -> None:
    """Create the demo in ./var (or QUNZHU_HOME), start everything and stay; Ctrl-C ends it."""
    folder = home_path()
    os.environ["QUNZHU_HOME"] = str(folder)
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  (compared, not bound)
    os.environ.setdefault("QUNZHU_PUBLIC_URL", f"http://{shown}:{port}")
    check_port(host, port)
    if fresh:
        throw_away(folder)
    folder.mkdir(parents=True, exist_ok=True)
    from qunzhu.config.up import run_up

    def ready(url: str) -> None:
        welcome(url)
        act(url, folder)

    raise SystemExit(run_up(host=host, port=port, consumers=1, on_ready=ready, prepare=lambda: prepare(folder)))


def throw_away(folder: Path) -> None:
    """Remove the demo's home, after its PostgreSQL.

    Raises Problem while it runs, for a home that is no demo's, and for one that holds another community besides.
    """
    from qunzhu.config.up import only_one
    from qunzhu.kernel.database import stop_embedded

    if os.environ.get("DATABASE_URL"):
        raise Problem("--fresh does not empty the database of DATABASE_URL", "empty it yourself, or unset DATABASE_URL")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / _MARK).is_file():
        raise Problem(f"{folder} is not a demo's", "remove it yourself, or set QUNZHU_HOME to another folder")
    with only_one(folder / "up.lock"):
        if others := other_communities(folder):
            raise Problem(
                f"{folder} holds more than the demo: {', '.join(others)}",
                "back it up and remove it yourself, or set QUNZHU_HOME to another folder",
            )
        say("demo", f"starting over in {folder}")
        if (folder / "pg").exists():
            stop_embedded(folder / "pg")
    shutil.rmtree(folder)


def other_communities(folder: Path) -> list[str]:
    """Short names of the communities in the demo's home that the demo did not make."""
    import psycopg

    from qunzhu.kernel.database import start_embedded

    if not (folder / "pg" / "PG_VERSION").exists():
        return []
    began = datetime.fromisoformat((folder / _MARK).read_text().split("\n")[0])
    with psycopg.connect(start_embedded(folder / "pg")) as conn:
        row = conn.execute("SELECT to_regclass('community')").fetchone()
        if row is None or row[0] is None:
            return []
        found = conn.execute(
            "SELECT slug FROM community WHERE slug <> %s OR created_at <> %s ORDER BY slug", [BLUEPRINT, began]
        )
        return [slug for (slug,) in found.fetchall()]


def prepare(folder: Path) -> None:
    """Database, community, simulated month, company in the live group; what is there already is kept.

    An interrupted preparation goes on where it stopped: the mark remembers its moment, and each step done twice is
    done once.
    """
    started = time.monotonic()
    from qunzhu.kernel.community.models import Community

    mark = folder / _MARK
    if not mark.is_file():
        if (found := Community.objects.order_by("pk").first()) is not None:
            raise Problem(
                f"{folder} holds the community {found.slug}: the demo is not mixed with it",
                "start that one with `qunzhu up`, or set QUNZHU_HOME to another folder for the demo",
            )
        mark.write_text(SYSTEM_CLOCK.now().isoformat())
    began, *done = mark.read_text().split()
    if "prepared" in done:
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
    stage(community, now)


def stage(community: "Community", now: datetime) -> "Group":
    """The group of the act, with its room; made once. A newcomer's group stays quiet."""
    from qunzhu.kernel.community.models import Group
    from qunzhu.kernel.community.services import create_group
    from qunzhu.kernel.connectors.local.services import open_room

    platform_id = f"demo-{community.pk}"
    group = Group.objects.filter(connector="local", platform_id=platform_id).first() or create_group(
        community=community, name=STAGE, platform_id=platform_id, now=now
    )
    open_room(group=group)
    return group


def act(url: str, folder: Path) -> None:
    """Once in a demo's life: simulated members do in the second group what the rules are for."""
    import httpx
    from django.db import connections

    from qunzhu.config.simulate import SEED, join_speakers
    from qunzhu.kernel.community.models import Community
    from qunzhu.simulation.act import CAST, play
    from qunzhu.simulation.people import population

    mark = folder / _MARK
    if "acted" in mark.read_text().split():
        return
    now = SYSTEM_CLOCK.now()
    community = Community.objects.get(slug=BLUEPRINT)
    say("demo", f"模拟成员正在「{STAGE}」演一小段 simulated, marked members act in the second group:")
    try:
        cast = join_speakers(
            community=community, people=population(SEED + 2, CAST), now=now, group=stage(community, now)
        )
        play(url, cast, key="demo-act", announce=lambda title: say("demo", f"  · {title}"))
    except httpx.HTTPError as error:
        say("demo", f"the act was interrupted ({type(error).__name__}); it goes on at the next start")
        return
    finally:
        connections.close_all()
    with mark.open("a") as file:
        file.write("acted\n")
    if closed_by_the_rules(community):
        say("demo", "演完了，处罚、工单、积分都在控制台 done: penalties, cases and points are in the console")
    else:
        say("demo", "演完了，结果稍后出现在控制台 done: the console shows what follows as soon as it is worked off")


def closed_by_the_rules(community: "Community") -> bool:
    """Wait until the act has been judged and carried out; False when that takes too long."""
    from django.db import connections

    from qunzhu.kernel.cases.models import Case
    from qunzhu.kernel.community.models import Group

    try:
        end = time.monotonic() + ACT_SECONDS
        while time.monotonic() < end:
            frozen = Group.objects.filter(community=community, name=STAGE, state=Group.State.FROZEN).exists()
            if (
                frozen
                and Case.objects.filter(community_id=community.pk).values("kind").distinct().count() >= CASE_KINDS
            ):
                return True
            threading.Event().wait(0.2)
        return False
    finally:
        connections.close_all()


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
        f"  数据在 data in {settings.HOME}",
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
