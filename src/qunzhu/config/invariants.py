"""`qunzhu invariants`: what must hold at any moment, checked. A job runs the same every hour.

Each check takes a community and returns a sentence for everything broken; it reads, and writes nothing. A new part
names its check here.
"""

import importlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter

import click
import msgspec

Check = Callable[[int], list[str]]
# name → (module:function, what holds)
CHECKS: dict[str, tuple[str, str]] = {
    "ledger": (
        "qunzhu.kernel.ledger.selectors:check_ledger",
        "transactions sum to zero, balances equal their postings, nobody is below zero",
    ),
    "log": (
        "qunzhu.kernel.ledger.selectors:check_against_log",
        "what every member has is what the events of the log sum to",
    ),
    "challenge": (
        "qunzhu.engagement.challenge.selectors:check_challenges",
        "challenges hold the stakes of who takes part, and nothing once they ended",
    ),
    "levels": (
        "qunzhu.engagement.levels.selectors:check_levels",
        "every level is the one that the log said last",
    ),
    "mall": (
        "qunzhu.engagement.mall.selectors:check_mall",
        "stock, codes, orders and held points of the points mall fit together",
    ),
    "redpacket": (
        "qunzhu.engagement.redpacket.selectors:check_packets",
        "red packets hold what was not grabbed, and shares are those of their seed",
    ),
    "debate": (
        "qunzhu.engagement.debate.selectors:check_debates",
        "debates stand where their last event left them, and count every vote once",
    ),
}


class Broken(msgspec.Struct, frozen=True):
    """An invariant that does not hold: where, which, and how."""

    community: str
    check: str
    problem: str


def check_of(name: str) -> Check:
    """The function of a check. Raises KeyError for an unknown name."""
    module, function = CHECKS[name][0].split(":")
    found: Check = getattr(importlib.import_module(module), function)
    return found


def broken(communities: Iterable[tuple[int, str]], names: Iterable[str]) -> Iterator[Broken]:
    """Everything that does not hold in these communities (id, slug), each found when it is asked for."""
    chosen = {name: check_of(name) for name in names}
    for community_id, slug in communities:
        for name, check in chosen.items():
            for problem in check(community_id):
                yield Broken(slug, name, problem)


@click.command("invariants")
@click.option("--community", "slug", help="Only this community.")
@click.option("--check", "names", multiple=True, type=click.Choice(list(CHECKS)), help="Only this check (repeatable).")
@click.option("--json", "as_json", is_flag=True, help="Print what is broken as JSON.")
def command(slug: str | None, names: tuple[str, ...], as_json: bool) -> None:
    """Check what must hold at any moment; exit code 1 when something does not.

    Nothing is changed: it can run beside everything else, and its answer is of one moment for each check.
    """
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from qunzhu.kernel.community.models import Community

    communities = list(Community.objects.order_by("pk").values_list("pk", "slug"))
    if slug is not None:
        communities = [(pk, known) for pk, known in communities if known == slug]
        if not communities:
            raise click.UsageError(f"no community has the slug {slug!r}")
    began = perf_counter()
    chosen = names or tuple(CHECKS)
    found = list(broken(communities, chosen))
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), ensure_ascii=False, indent=2))
    else:
        _print(found, [known for _, known in communities], chosen, perf_counter() - began)
    if found:
        sys.exit(1)


def _print(found: list[Broken], slugs: list[str], names: tuple[str, ...], seconds: float) -> None:
    for slug in slugs:
        for name in names:
            problems = [b.problem for b in found if (b.community, b.check) == (slug, name)]
            sign, color = ("✗", "red") if problems else ("✓", "green")
            click.secho(f"{sign} {slug} {name}: {CHECKS[name][1]}", fg=color)
            for problem in problems:
                click.echo(f"    {problem}")
    click.echo(f"{len(found)} broken, {len(slugs)} communities, {seconds:.1f} s")
