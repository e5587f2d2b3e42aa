"""`qunzhu backtest`: what a rulebook would have decided on recorded history. Nothing is sent, nothing is written."""

import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

if TYPE_CHECKING:
    from qunzhu.kernel.community.models import Community
    from qunzhu.risk.backtest.run import Question, Report, Rulebook


@click.command()
@click.option(
    "--rulebook", "source", default="live", show_default=True, help="群规 a YAML file, live, or v3 (a version)"
)
@click.option("--from", "since", required=True, help="起 day or time, e.g. 2026-11-01 or 2026-11-01T08:00")
@click.option("--to", "until", required=True, help="止 day (inclusive) or time (exclusive)")
@click.option("--community", "slug", default="", help="社群代号 slug; not needed when there is one community")
@click.option(
    "--group", "group_name", default="", help="群名 report on this group only (its members' other groups count)"
)
@click.option(
    "--against", default="recorded", show_default=True, type=click.Choice(["recorded", "live", "nothing"]),
    help="对照 what was decided at the time, what the live rulebook would have decided, or nothing",
)  # fmt: skip
@click.option("--words-of-today", is_flag=True, help="用今天的关键词 judge by the keywords of today")
@click.option("--json", "as_json", is_flag=True, help="the whole report; the same question gives the same bytes")
def command(
    source: str,
    since: str,
    until: str,
    slug: str,
    group_name: str,
    against: str,
    *,
    words_of_today: bool,
    as_json: bool,
) -> None:
    """回测 Try a rulebook on recorded history. In memory: nothing is sent, nothing is written."""
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from qunzhu.kernel.community.selectors import log_head
    from qunzhu.kernel.connectors.imports.command import chosen_community
    from qunzhu.risk.backtest.replay import Stretch
    from qunzhu.risk.backtest.run import Question

    community = chosen_community(slug)
    zone = ZoneInfo(community.timezone)
    stretch = Stretch(moment(since, zone, "--from"), moment(until, zone, "--to", whole_day=True))
    if stretch.since >= stretch.until:
        raise click.BadParameter("--to must be after --from")
    live = _live(community) if against == "live" else None
    question = Question(
        community_id=community.pk,
        rulebook=_rulebook(community, source),
        stretch=stretch,
        upto=log_head(community.pk),
        group_id=_group(community, group_name),
        against="rulebook" if live else against,  # type: ignore[arg-type]  # click let in nothing else
        other=live,
        words_of_today=words_of_today,
    )
    report = _run(question)
    if as_json:
        from qunzhu.risk.backtest.run import encode

        sys.stdout.buffer.write(encode(report) + b"\n")
    else:
        _print(report)


def moment(text: str, zone: ZoneInfo, option: str, *, whole_day: bool = False) -> datetime:
    """A day (with `whole_day`: its end) or a time, in `zone` unless it has an offset."""
    try:
        if len(text) <= len("2026-11-01"):
            day = date.fromisoformat(text) + timedelta(days=whole_day)
            return datetime.combine(day, time(), zone)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{option} {text!r} is no day or time, e.g. 2026-11-01 or 2026-11-01T08:00") from None
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _rulebook(community: "Community", source: str) -> "Rulebook":
    from qunzhu.kernel.engine.models import RulebookVersion
    from qunzhu.risk.backtest.run import Rulebook

    if source == "live":
        return _live(community)
    number = source.removeprefix("v")
    if source != number and number.isdecimal() and not Path(source).exists():
        found = RulebookVersion.objects.filter(community_id=community.pk, version=int(number)).first()
        if found is None:
            raise click.ClickException(f"群规没有第 {number} 版 the rulebook has no version {number}")
        return Rulebook(found.rules, found.settings, found.version)
    return _from_file(community, Path(source))


def _from_file(community: "Community", path: Path) -> "Rulebook":
    from qunzhu.kernel.blueprint.loader import BadBlueprint, load
    from qunzhu.kernel.blueprint.rules import read_rulebook, rulebook_settings
    from qunzhu.kernel.engine.models import RulebookVersion
    from qunzhu.risk.backtest.run import Rulebook

    try:
        text = path.read_text(encoding="utf-8-sig")
        rules, settings = read_rulebook(text, file=str(path))
        if settings is None and "\nformat:" in f"\n{text}":  # a whole blueprint keeps them in its chapters
            settings = rulebook_settings(load(path).blueprint)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path}: is not UTF-8 text (save the file as UTF-8)") from error
    except BadBlueprint as bad:
        raise click.ClickException(str(bad)) from bad
    if settings is None:
        live = RulebookVersion.objects.filter(community_id=community.pk, state="live").first()
        settings = live.settings if live else {}
    return Rulebook(rules, {**settings, "zone": community.timezone})


def _live(community: "Community") -> "Rulebook":
    from qunzhu.kernel.engine.models import RulebookVersion
    from qunzhu.risk.backtest.run import Rulebook

    live = RulebookVersion.objects.filter(community_id=community.pk, state="live").first()
    if live is None:
        raise click.ClickException("还没有生效的群规 there is no live rulebook: publish one, or give a file")
    return Rulebook(live.rules, live.settings, live.version)


def _group(community: "Community", name: str) -> int | None:
    if not name:
        return None
    from qunzhu.kernel.community.models import Group

    found = list(Group.objects.filter(community=community, name=name).order_by("pk")[:2])
    if len(found) != 1:
        problem = "没有叫这个名字的群 no such group" if not found else "有几个群叫这个名字 several groups"
        raise click.ClickException(f"{name}: {problem}")
    return found[0].pk


def _run(question: "Question") -> "Report":
    """Run it on one snapshot, in a connection of its own that cannot write."""
    import psycopg
    from rich.console import Console
    from rich.progress import Progress as Bar

    from qunzhu.kernel.database import database_url
    from qunzhu.risk.backtest.run import Report, run

    with psycopg.connect(database_url()) as conn, Bar(console=Console(stderr=True)) as bar:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        task = bar.add_task("回测", total=None)
        for step in run(conn, question):
            if isinstance(step, Report):
                return step
            bar.update(task, completed=step.done, total=step.total)
    raise AssertionError("a backtest ends with its report")


def _print(report: "Report") -> None:
    totals, judged = report.compared.totals, report.judged
    click.echo(
        f"{judged.events} 条消息 messages · {judged.people} 人 people"
        + (f" · {judged.erased} 条已抹除 erased" if judged.erased else "")
        + (f" · {judged.skipped} 条无法判断 put aside" if judged.skipped else "")
    )
    click.echo(
        f"命中 hits {totals.before} → {totals.after}: 新增 new {totals.new} · 不再命中 lost {totals.lost}"
        f" · 处理不同 changed {totals.changed} · 相同 same {totals.same}"
    )
    click.echo(
        f"涉及 people touched {totals.people_before} → {totals.people_after}: 新涉及 new {totals.touched_new}"
        f" · 不再涉及 spared {totals.spared}"
    )
    for penalty in report.compared.penalties:
        if penalty.before or penalty.after:
            click.echo(f"  {penalty.step} {penalty.before} → {penalty.after}")
    for rule in report.compared.rules:
        click.echo(f"  {rule.rule} {rule.name}: {rule.figures.before} → {rule.figures.after}{_reviewed(rule.figures)}")


def _reviewed(figures: Any) -> str:
    precision = figures.precision_after
    if precision.share is None:
        return ""
    return f" · 复核属实 precision {precision.share:.0%} ({precision.right}/{precision.right + precision.wrong})"
