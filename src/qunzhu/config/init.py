"""`qunzhu init`: one blueprint in, a community out."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from qunzhu.config.problems import Problem
from qunzhu.kernel.blueprint.loader import BadBlueprint, Loaded, find, load
from qunzhu.kernel.bootstrap import setup_django
from qunzhu.kernel.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from qunzhu.kernel.blueprint.services import Created


@click.command()
@click.option("--blueprint", "source", default="workplace-knowledge", show_default=True, help="name or YAML file")
@click.option("--slug", default="", help="short name in addresses; default: the blueprint's")
@click.option("--name", default="", help="name that members see; default: the blueprint's")
@click.option("--check", "check_only", is_flag=True, help="only read the blueprint and say what is wrong")
def command(source: str, slug: str, name: str, check_only: bool) -> None:
    """Create a community from a blueprint; passwords are shown once."""
    if check_only:
        loaded = load_checked(source)
        click.echo(f"{loaded.file}: ok, {len(loaded.data.get('rules', []))} rules")
        return
    setup_django()
    from django.conf import settings

    from qunzhu.config.migrate import do_migrate

    loaded = load_checked(source)
    do_migrate()
    created = init_community(loaded=loaded, slug=slug, name=name, now=SYSTEM_CLOCK.now())
    click.echo(f"社群 community: {created.community.name} ({created.community.slug})")
    for group, room in zip(created.groups, created.rooms, strict=True):
        click.echo(f"入群 join:      {settings.PUBLIC_URL}/j/{room.join_code}/  {group.name}")
    click.echo(f"控制台 console: {settings.PUBLIC_URL}/console/")
    for username, password in created.passwords.items():
        click.echo(f"账号 sign-in:   {username}   密码 password: {password}   (只显示这一次 shown once)")
    if not created.passwords:
        click.echo("账号 sign-in:   沿用已有账号 as before (qunzhu staff password NAME sets a new password)")


def load_checked(source: str) -> Loaded:
    """The blueprint of that name or file, its rules compiled once. Raises Problem with every mistake."""
    from qunzhu.kernel.blueprint.keywords import read_keywords
    from qunzhu.kernel.blueprint.rules import rule_problems

    try:
        loaded = load(find(source), check_rules=rule_problems)
        read_keywords(loaded)
    except BadBlueprint as bad:
        raise Problem(f"the blueprint cannot be used\n{bad}", "correct these lines and try again") from None
    return loaded


def init_community(*, loaded: Loaded, slug: str = "", name: str = "", now: datetime) -> "Created":
    """Kernel and chapters together, in one transaction. Raises Problem when the slug is in use."""
    from django.db import transaction

    from qunzhu.kernel.blueprint.keywords import read_keywords
    from qunzhu.kernel.blueprint.services import BY, create_from_blueprint
    from qunzhu.kernel.community.services import Refused
    from qunzhu.kernel.engine.clearance_service import grant_clearance
    from qunzhu.risk.services import change_keywords

    try:
        with transaction.atomic():
            created = create_from_blueprint(loaded=loaded, slug=slug, name=name, now=now)
            change_keywords(community_id=created.community.pk, added=read_keywords(loaded), by=BY, now=now)
            for campaign in loaded.blueprint.governance.ads.campaigns:
                grant_clearance(
                    community_id=created.community.pk, member=None, link=campaign.link, name=campaign.name,
                    until=now + timedelta(days=campaign.days), by=BY, now=now,
                )  # fmt: skip
    except Refused as refused:
        raise Problem(str(refused), "choose another one: --slug NAME") from None
    return created
