"""`qunzhu staff`: console users without a console."""

import click

from qunzhu.config.problems import Problem
from qunzhu.kernel.bootstrap import setup_django
from qunzhu.kernel.clock import SYSTEM_CLOCK

ROLES = ("owner", "manager", "moderator", "analyst", "finance", "none")


@click.group()
def command() -> None:
    """Create console users, set passwords and roles."""


@command.command()
@click.argument("username")
@click.option("--community", "slug", required=True, help="short name of the community")
@click.option("--role", type=click.Choice(ROLES), default="owner", show_default=True, help="none takes the post away")
def role(username: str, slug: str, role: str) -> None:
    """Give USERNAME a role; the user is created, with a generated password, when there is none of that name."""
    setup_django()
    from qunzhu.kernel.blueprint.services import find_or_create_user
    from qunzhu.kernel.community.models import Community
    from qunzhu.kernel.community.services import Refused, set_staff

    community = Community.objects.filter(slug=slug).first()
    if community is None:
        known = ", ".join(Community.objects.values_list("slug", flat=True)) or "none yet, see qunzhu init"
        raise Problem(f"there is no community {slug!r}", f"known: {known}")
    user, password = find_or_create_user(username)
    try:
        set_staff(
            community=community, user=user, role=None if role == "none" else role, by="cli", now=SYSTEM_CLOCK.now()
        )
    except Refused as refused:
        raise Problem(str(refused)) from None
    click.echo(f"{username}: {role}" + (f"   密码 password: {password}" if password else ""))


@command.command()
@click.argument("username")
def password(username: str) -> None:
    """Set a new password for USERNAME; asks for it, or generates one when the answer is empty."""
    setup_django()
    import secrets

    from django.contrib.auth import get_user_model
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    user = get_user_model().objects.filter(username=username).first()
    if user is None:
        raise Problem(f"there is no user {username!r}", "create it: qunzhu staff role NAME --community SLUG")
    given = click.prompt("新密码 new password (empty: generate)", default="", hide_input=True, show_default=False)
    chosen = given or secrets.token_urlsafe(12)
    try:
        validate_password(chosen, user)
    except ValidationError as invalid:
        raise Problem("; ".join(invalid.messages)) from None
    user.set_password(chosen)
    user.save(update_fields=["password"])
    click.echo("密码已更新 password changed" if given else f"密码 password: {chosen}")


@command.command(name="list")
def list_staff() -> None:
    """List who works for which community."""
    setup_django()
    from qunzhu.kernel.community.models import Staff

    for post in Staff.objects.select_related("user", "community").order_by("community__slug", "user__username"):
        click.echo(f"{post.community.slug:<24} {post.user.get_username():<20} {post.role}")
