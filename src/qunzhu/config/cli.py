"""`qunzhu`: every command in one table, each imported only when it is asked for."""

import errno
import importlib
import os
import sys

import click

from qunzhu import __version__
from qunzhu.config.problems import BadConfiguration, Problem

# name → (module:attribute, what `qunzhu --help` says). docs/operations/commands.md describes each (a test compares).
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("qunzhu.config.demo:command", "a community with a simulated month and a live group"),
    "up": ("qunzhu.config.up:command", "run every part on one port, with readable logs"),
    "web": ("qunzhu.config.processes:web", "run the part that answers HTTP: receiver, console and member pages"),
    "receive": ("qunzhu.config.processes:receive", "run the receiver and the live stream alone"),
    "console": ("qunzhu.config.processes:console", "run the console and the member pages alone"),
    "consume": ("qunzhu.config.processes:consume", "run the consumers of the event log"),
    "deliver": ("qunzhu.config.processes:deliver", "carry out effects"),
    "schedule": ("qunzhu.config.processes:schedule", "run jobs that time starts"),
    "init": ("qunzhu.config.init:command", "create a community from a blueprint"),
    "staff": ("qunzhu.config.staff:command", "create console users, set passwords and roles"),
    "import": ("qunzhu.kernel.connectors.imports.command:command", "import a chat export"),
    "scan": ("qunzhu.config.scan:command", "run every detector over a table of messages, and measure"),
    "backtest": ("qunzhu.config.backtest:command", "try a rulebook on recorded history"),
    "blackbox": ("qunzhu.kernel.events.blackbox_command:command", "verify, export and check the black box"),
    "rebuild": ("qunzhu.config.rebuild:command", "rebuild projections from the log, or check that they equal it"),
    "invariants": ("qunzhu.config.invariants:command", "check what must hold at any moment: ledger, log, mall"),
    "doctor": ("qunzhu.config.doctor:command", "say what is wrong with this installation"),
    "backup": ("qunzhu.config.backup:backup", "write database, keys and uploads into one file"),
    "restore": ("qunzhu.config.backup:restore", "restore such a file into an empty installation"),
    "migrate": ("qunzhu.config.migrate:command", "bring the database to this version"),
    "simulate": ("qunzhu.config.simulate:command", "let simulated members talk"),
    "version": ("qunzhu.config.cli:version", "print the version"),
}


# These make an installation where there is none; the others work with the one there is.
CREATES = frozenset({"demo", "up", "init", "migrate", "restore"})
NEEDS_NONE = frozenset({"scan"})  # works on files alone


class LazyCommands(click.Group):
    """Commands of `COMMANDS`; listing them imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        module_name, attribute = COMMANDS[name][0].split(":")
        command = getattr(importlib.import_module(module_name), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[name][0]} is no click command")
        command.name = name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        found = super().resolve_command(ctx, args)
        if found[0] not in CREATES | NEEDS_NONE:
            from qunzhu.kernel.database import only_existing

            only_existing()
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qunzhu")
def qunzhu() -> None:
    """Qunzhu 群主: runs WeChat communities, with every decision explained."""


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


def main() -> None:
    """The `qunzhu` program. What an operator can mend is one line and a remedy; the rest is a traceback."""
    try:
        _start_checks()
        qunzhu(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.Abort:
        click.echo("已取消 aborted", err=True)
        sys.exit(130)
    except click.ClickException as problem:
        problem = of_a_setting(problem) or problem
        problem.show()
        sys.exit(problem.exit_code)
    except Exception as error:
        if os.environ.get("QUNZHU_DEBUG") == "1":
            raise
        explained = explain(error)
        if explained is None:
            raise
        explained.show()
        sys.exit(explained.exit_code)


def _start_checks() -> None:
    """What must hold before any command can run at all."""
    url = os.environ.get("DATABASE_URL", "")
    if url and not url.startswith(("postgres://", "postgresql://")):
        raise BadConfiguration(
            "DATABASE_URL must start with postgresql://",
            "correct it, or unset it to use the embedded PostgreSQL",
        )


def of_a_setting(error: click.ClickException) -> Problem | None:
    """The same complaint about an option, naming the environment variable that it came from; None when it was typed."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None or not error.param.name:
        return None
    if error.ctx.get_parameter_source(error.param.name) is not click.core.ParameterSource.ENVIRONMENT:
        return None
    variable = str(error.param.envvar)
    what = error.message
    if isinstance(error.param.type, click.IntRange):
        what = f"must be a whole number from {error.param.type.min} to {error.param.type.max}"
    return BadConfiguration(f"{variable}={os.environ.get(variable)}: {what}", f"correct {variable}, or unset it")


def explain(error: BaseException) -> Problem | None:
    """What an operator can do about `error`; None when it is ours to mend."""
    import psycopg

    from qunzhu.kernel.database import NoInstallationError

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NoInstallationError):
            return Problem(str(cause), "run `qunzhu init` or `make demo`, or set QUNZHU_HOME to where it is")
        if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            return Problem(
                "no space left on the disk", "make room and try again; `qunzhu doctor` says how much is free"
            )
        if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            return Problem("the database has not been brought to this version", "run: qunzhu migrate")
        if isinstance(cause, psycopg.OperationalError):
            reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
            return Problem(f"the database cannot be reached: {reason}", "run: qunzhu doctor")
        if isinstance(cause, PermissionError):
            return BadConfiguration(
                f"no permission: {cause.filename}", "let this user own the folder, or set QUNZHU_HOME to another one"
            )
        cause = cause.__cause__ or cause.__context__
    return None


if __name__ == "__main__":
    main()
