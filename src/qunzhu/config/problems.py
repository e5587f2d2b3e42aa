"""Errors that an operator can mend: one clear line, and what to do about it."""

from typing import IO, Any

import click

EXIT_PROBLEM = 1
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h: starting again would change nothing


class Problem(click.ClickException):
    """A clear line with its remedy; ends a command with exit code 1 instead of a traceback."""

    exit_code = EXIT_PROBLEM

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def show(self, file: IO[Any] | None = None) -> None:
        click.secho(f"错误 error: {self.message}", fg="red", err=True, file=file)
        if self.remedy:
            click.echo(f"处理 remedy: {self.remedy}", err=True, file=file)


class BadConfiguration(Problem):
    """A setting is wrong; the supervisor does not start such a process again."""

    exit_code = EXIT_CONFIGURATION
