"""`qunzhu rebuild`: write projections anew from the log, or with --check only say whether they equal it."""

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from qunzhu.kernel.events.rebuild import Replayed


@click.command("rebuild")
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when a row differs from the log.")
@click.option("--consumer", "names", multiple=True, help="Only this consumer (may be given several times).")
@click.option("--community", "slug", help="Only this community.")
def command(check: bool, names: tuple[str, ...], slug: str | None) -> None:
    """Rebuild projections from the event log, or check that they equal it row by row.

    After a rebuild that changed rows, restart running consumers: they may remember the old ones.
    """
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from qunzhu.config.subscriptions import CONSUMERS
    from qunzhu.kernel.community.models import Community
    from qunzhu.kernel.events.rebuild import check_projections, rebuild

    known = {c.name: c for c in CONSUMERS if c.tables}
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(f"no such consumer: {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = [consumer for name, consumer in known.items() if not names or name in names]
    communities = list(Community.objects.order_by("pk"))
    if slug is not None:
        communities = [c for c in communities if c.slug == slug]
        if not communities:
            raise click.UsageError(f"no community has the slug {slug!r}")
    differing = 0
    for community in communities:
        results = check_projections(community.pk, chosen) if check else [rebuild(community.pk, one) for one in chosen]
        for result in results:
            differing += result.differing
            _print(community.slug, result, check=check)
    if check and differing:
        sys.exit(1)


def _print(slug: str, result: "Replayed", *, check: bool) -> None:
    rows = ", ".join(f"{table} {count}" for table, count in result.rows.items())
    end = f"{result.differing} rows differ" if check else f"{result.differing} rows corrected"
    verdict = end if result.differing else "equal"
    if result.kept:
        verdict += f", {result.kept} kept of what was erased"
    click.echo(f"{slug}: {result.consumer}: {result.events} events → {rows}: {verdict}")
    for difference in result.differences:
        click.echo(f"  {difference}")
