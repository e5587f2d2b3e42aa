"""`qunzhu blackbox`: verify, seal, export, check, keys."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from qunzhu.kernel.events.blackbox import Report


BIGGEST_ID = (1 << 63) - 1


@click.group()
def command() -> None:
    """行为黑匣子 The black box: is the log what it was? And evidence that others can check."""


def _communities(slug: str) -> list[tuple[int, str]]:
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from qunzhu.kernel.community.models import Community

    found = Community.objects.order_by("pk")
    if slug:
        found = found.filter(slug=slug)
        if not found:
            raise click.ClickException(f"没有代号为“{slug}”的社群 no such community")
    return list(found.values_list("pk", "slug"))


def _now() -> datetime:
    from qunzhu.kernel.clock import SYSTEM_CLOCK

    return SYSTEM_CLOCK.now()


@command.command()
@click.option("--community", "slug", default="", help="社群代号 slug [default: all]")
@click.option("--json", "as_json", is_flag=True, help="print the report as JSON")
@click.option(
    "--witness", "witnesses", multiple=True, type=click.Path(exists=True, path_type=Path),
    help="witness files of all machines [default: this machine's]",
)  # fmt: skip
def verify(slug: str, as_json: bool, witnesses: tuple[Path, ...]) -> None:
    """校验 Compare every row with its seal; exit code 1 and the names of rows when something is wrong."""
    communities = _communities(slug)
    import psycopg

    from qunzhu.kernel.database import database_url
    from qunzhu.kernel.events import blackbox

    reports: list[Report] = []
    with psycopg.connect(database_url()) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        names = dict(communities)
        chosen = list(names) if slug else blackbox.communities(conn)
        reports.extend(_verify_one(conn, community_id, list(witnesses) or None) for community_id in chosen)
    if as_json:
        click.echo(json.dumps([_as_json(r, names.get(r.community_id)) for r in reports], ensure_ascii=False))
    else:
        for report in reports:
            _show(report, names.get(report.community_id, f"#{report.community_id}"))
    if not all(r.clean for r in reports):
        sys.exit(1)


def _verify_one(conn: Any, community_id: int, witnesses: list[Path] | None) -> "Report":
    from rich.console import Console
    from rich.progress import Progress as Bar

    from qunzhu.kernel.events import blackbox

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("校验", total=None)
        for step in blackbox.verify(conn, community_id, witnesses=witnesses):
            if isinstance(step, blackbox.Report):
                return step
            bar.update(task, completed=step.done, total=step.total)
    raise AssertionError("a verification ends with its report")


def _as_json(report: "Report", slug: str | None) -> dict[str, Any]:
    findings = [{"what": f.what, "number": f.number, "reason": f.reason, "text": str(f)} for f in report.findings]
    return {
        "community": slug, "community_id": report.community_id, "clean": report.clean, "events": report.events,
        "sealed": report.sealed, "blocks": report.blocks, "erased": report.erased, "findings": findings,
        "more": report.more, "notes": report.notes,
    }  # fmt: skip


def _show(report: "Report", slug: str) -> None:
    state = "完好 clean" if report.clean else f"有 {len(report.findings) + report.more} 处问题 NOT CLEAN"
    click.echo(
        f"{slug}: {state} · {report.events} events, {report.blocks} blocks, sealed to {report.sealed},"
        f" {report.erased} erased"
    )
    for finding in report.findings:
        click.echo(f"  {finding}")
    for note in report.notes:
        click.echo(f"  ({note})")


@command.command()
@click.option("--community", "slug", default="", help="社群代号 slug [default: all]")
def seal(slug: str) -> None:
    """封存 Seal everything now."""
    for community_id, name in _communities(slug):
        from qunzhu.kernel.events import seal as sealing

        click.echo(f"{name}: {sealing.seal_now(community_id=community_id, now=_now())} blocks")


@command.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--community", "slug", required=True, help="社群代号 slug")
@click.option("--member", type=click.IntRange(1, BIGGEST_ID))
@click.option("--case", "case_id", type=click.IntRange(1, BIGGEST_ID))
@click.option("--from", "since", type=click.DateTime(), help="in the community's zone")
@click.option("--to", "until", type=click.DateTime(), help="in the community's zone; not included")
@click.option("--by", default="", help="who asked for it; stands in the bundle and in the audit")
def export(
    out: Path,
    slug: str,
    member: int | None,
    case_id: int | None,
    since: datetime | None,
    until: datetime | None,
    by: str,
) -> None:
    """导出证据 Write an evidence bundle (.zip or .json) of a member, a case or a period."""
    ((community_id, _),) = _communities(slug)
    from zoneinfo import ZoneInfo

    from qunzhu.kernel.community.selectors import zone_of
    from qunzhu.kernel.events import bundle

    zone = ZoneInfo(zone_of(community_id))
    chosen = bundle.Selection(
        member, case_id, since.replace(tzinfo=zone) if since else None, until.replace(tzinfo=zone) if until else None
    )
    if chosen == bundle.Selection():
        raise click.ClickException("请指明成员、工单或时间段 say which: --member, --case, --from or --to")
    if member is not None and case_id is not None:
        raise click.ClickException("成员和工单只能选一个 choose --member or --case, not both")
    if since is not None and until is not None and since >= until:
        raise click.ClickException("--to 要晚于 --from must be later than --from (it is not included)")
    if not out.parent.is_dir():
        raise click.ClickException(f"没有这个文件夹 there is no folder {out.parent}")
    try:
        done = bundle.export(community_id=community_id, selection=chosen, path=out, by=by, now=_now())
    except LookupError as error:
        raise click.ClickException(str(error)) from error
    from qunzhu.kernel.community import audit

    audit.record(
        community_id=community_id, user=by or "command", action="blackbox.export", target=str(chosen), now=_now()
    )
    click.echo(f"{done.path}: {done.events} events, {done.blocks} blocks, {done.pictures} pictures")


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--key", default="", help="公钥指纹 fingerprint of the operator's key")
def check(file: str, key: str) -> None:
    """核验证据包 Check a bundle offline; no database is asked."""
    from qunzhu.kernel.events import bundle_check

    sys.exit(bundle_check.main([file, *(["--key", key] if key else [])]))


@command.command(name="keys")
def show_keys() -> None:
    """公钥 Print the fingerprints of all public keys; publish them, so that others can check bundles."""
    from hashlib import sha256

    from qunzhu.kernel.events import keys

    keys.signing_key(now=_now())
    for public in keys.public_keys().values():
        click.echo(sha256(public).hexdigest())


@command.command(name="rotate-key")
def rotate_key() -> None:
    """换密钥 Sign with a new key from now on; old blocks stay verifiable."""
    from qunzhu.kernel.events import keys

    try:
        click.echo(keys.rotate(now=_now()).key_id)
    except keys.BadKey as error:
        raise click.ClickException(str(error)) from error


@command.command(name="restored")
@click.option("--community", "slug", required=True, help="社群代号 slug")
@click.option("--reason", required=True, help="why the chain is shorter; it is kept in the witness")
def restored(slug: str, reason: str) -> None:
    """恢复备份后 After a restore from an older backup: take the chain as it is from here on."""
    ((community_id, _),) = _communities(slug)
    from qunzhu.kernel.events import seal as sealing
    from qunzhu.kernel.events import witness
    from qunzhu.kernel.events.runner import raw_connection

    number, last_seq, _ = sealing.last_block(raw_connection(), community_id)
    witness.forget_after(community_id, number, reason)
    click.echo(f"{slug}: block {number}, seq {last_seq}")


@command.command()
@click.option("--community", "slug", required=True, help="社群代号 slug")
@click.option("--member", type=int, required=True)
@click.option("--by", required=True, help="who orders it")
@click.option("--confirmed-by", "second", default="", help="who confirms it, where two people are needed")
@click.confirmation_option(prompt="抹除后不能恢复 This cannot be undone. Go on?")
def erase(slug: str, member: int, by: str, second: str) -> None:
    """抹除成员 Erase what a member said and who they are; verification keeps holding."""
    ((community_id, _),) = _communities(slug)
    from django.db import transaction

    from qunzhu.kernel.community import audit
    from qunzhu.kernel.events.erase import erase_member

    by, second = by.strip(), second.strip()
    try:
        with transaction.atomic():
            _check_erasers(community_id, by, second)
            done = erase_member(community_id=community_id, member_id=member, by=second or by, now=_now())
            audit.record(
                community_id=community_id, user=second or by, action="member.erase", target=f"member:{member}",
                detail={"proposed_by": by} if second else {}, now=_now(),
            )  # fmt: skip
    except LookupError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{done.events} events erased; recorded as event {done.seq}")


def _check_erasers(community_id: int, by: str, second: str) -> None:
    """Whoever is named must hold the permission now, as in the console. Raises ClickException."""
    from qunzhu.kernel.cases.two_person import guarded, people

    known = people(community_id, *filter(None, {by, second}))
    if "erase_member" in guarded(community_id) and (not second or known.same(by, second)):
        raise click.ClickException(
            "这个社群的抹除要两个人 two people are needed here: --confirmed-by 另一个人 somebody else"
        )
    for name in filter(None, (by, second)):
        if not known.may(name, "member.erase"):
            raise click.ClickException(
                f"{name}:不是这个社群里有“抹除成员内容”权限的人,请写登录名"
                f" {name}: holds no permission to erase here; give the user name of somebody who does"
            )
