"""`qunzhu migrate`: bring the database to this version; two at once wait for each other."""

import zlib

import click

from qunzhu.kernel.bootstrap import setup_django

_LOCK = zlib.crc32(b"qunzhu.migrate")


@click.command()
def command() -> None:
    """Bring the database to this version (`qunzhu up` does it by itself)."""
    applied = do_migrate()
    click.echo(f"{applied} migrations applied" if applied else "the database is up to date")


def do_migrate() -> int:
    """Apply what is pending under an advisory lock; returns how many migrations that were."""
    setup_django()
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        count = len(pending_migrations())
        if count:
            call_command("migrate", interactive=False, verbosity=0)
        return count
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def pending_migrations() -> list[str]:
    """Names of migrations that the database lacks, e.g. "events.0001_initial"."""
    setup_django()
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
