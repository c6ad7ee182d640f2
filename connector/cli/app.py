"""The commands, each in a file of its own that is read when it is used."""

from importlib import import_module

import typer

from connector.cli.console import out
from connector.core.version import __version__

app = typer.Typer(
    name="connector",
    help="Send SQL query results to TikTok and report the outcome of every row.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_COMMANDS = (
    "init", "validate", "compile", "preview", "plan", "promote", "run", "resume", "retry", "start", "runs", "rejects",
    "report", "forget", "headers", "auth", "destinations", "audiences", "usage_report", "simulate",
)  # fmt: skip

for _name in _COMMANDS:
    import_module(f"connector.cli.commands.{_name}").register(app)


def _version(wanted: bool) -> None:
    if wanted:
        out(f"connector {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Send SQL query results to TikTok and report the outcome of every row."""
