"""`qunzhu import`: a chat export becomes a group's history."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from qunzhu.kernel.community.models import Community
    from qunzhu.kernel.connectors.imports.services import Progress, Result


def _mapping(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for part in ",".join(values).split(","):
        if not part:
            continue
        name, separator, column = part.partition("=")
        if not separator or name not in {"time", "user", "id", "text", "kind"}:
            raise click.BadParameter(f"{part!r}: write FIELD=COLUMN; fields are time, user, id, text, kind")
        mapping[name] = column
    return mapping


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format", "fmt", default="auto", show_default=True,
    type=click.Choice(["auto", "csv", "tsv", "jsonl", "chatlab", "memotrace", "telegram", "qq", "discord"]),
)  # fmt: skip
@click.option(
    "--group", "group_name", default="", help="群名 group to import into; made when absent [default: file name]"
)
@click.option("--community", "slug", default="", help="社群代号 slug; not needed when there is one community")
@click.option("--timezone", default="", help="时区 zone of local times in the file [default: the community's]")
@click.option("--map", "mapping", multiple=True, callback=_mapping, help="列 columns: time=COL,user=COL,text=COL,…")
@click.option("--again", is_flag=True, help="时区不同也再导入一次 import again, in another time zone")
@click.option("--rejected", type=click.Path(dir_okay=False, path_type=Path), help="[default: FILE.rejected]")
def command(
    file: Path,
    fmt: str,
    group_name: str,
    slug: str,
    timezone: str,
    mapping: dict[str, str],
    rejected: Path | None,
    *,
    again: bool,
) -> None:
    """导入聊天记录 Import a chat export. The same file twice adds nothing; an interrupted import goes on."""
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.connectors.imports.services import (
        check_file,
        check_zone,
        find_group,
        group_for_import,
        run_import,
    )
    from qunzhu.kernel.connectors.imports.source import Unreadable

    community = chosen_community(slug)
    timezone = timezone or community.timezone
    try:
        name = group_name or file.stem[:80]
        made = find_group(community=community, name=name) is None
        if made:  # no group is made for a file that cannot be read
            check_file(path=file, fmt=fmt, zone=check_zone(timezone), mapping=mapping)
        group = group_for_import(community=community, name=name, now=SYSTEM_CLOCK.now())
        steps = run_import(
            group=group, path=file, fmt=fmt, timezone=timezone, mapping=mapping, rejected_path=rejected, by="cli",
            again=again,
        )  # fmt: skip
        result = _show(steps)
    except Unreadable as error:
        raise click.ClickException(str(error)) from error
    new = "（新建 made now）" if made else ""
    click.echo(f"格式 {result.format} · 编码 {result.encoding} · 时区 {result.timezone} · 群 {group.name}{new}")
    click.echo(f"新增 added {result.added} · 重复 duplicates {result.duplicates} · 未导入 rejected {result.rejected}")
    if result.first_import is not None:
        first = result.first_import.astimezone(check_zone(community.timezone))
        click.echo(f"这个文件在 {first:%Y-%m-%d %H:%M} 已经导入过 imported before; 记录里保留第一次的数字")
    for kind, count in sorted(result.kinds.items()):
        click.echo(f"  {kind} {count}")
    for reason, count in result.reasons.most_common(10):
        click.echo(f"  未导入 {count}: {reason}")
    if result.rejected_file:
        click.echo(f"未导入的行 rejected lines: {result.rejected_file}")


def chosen_community(slug: str) -> "Community":
    """The community of that slug; without one the only one there is. Raises ClickException."""
    from qunzhu.kernel.community.models import Community

    if slug:
        found = Community.objects.filter(slug=slug).first()
        if found is None:
            raise click.ClickException(f"没有代号为“{slug}”的社群 no such community")
        return found
    communities = list(Community.objects.order_by("pk")[:2])
    if not communities:
        raise click.ClickException("还没有社群,先运行 no community yet, run first: qunzhu init")
    if len(communities) > 1:
        raise click.ClickException("有多个社群,请用 --community 指定 several communities: say which")
    return communities[0]


def _show(steps: "Iterator[Progress | Result]") -> "Result":
    """Draw a progress bar until the last step, which is the result."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from qunzhu.kernel.connectors.imports.services import Result

    columns = (
        TextColumn("导入"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[added]} 条"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("import", total=None, added=0)
        for step in steps:
            if isinstance(step, Result):
                return step
            bar.update(task, completed=step.done, total=step.total, added=step.added + step.duplicates)
    raise AssertionError("an import ends with its result")
