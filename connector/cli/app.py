"""The commands. Each is in a module of its own, which imports the rest of what it needs when it runs."""

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
    _module = import_module(f"connector.cli.commands.{_name}")
    if group := getattr(_module, "group", None):
        app.add_typer(group, name=_name)
    else:
        app.command(_name.replace("_", "-"))(getattr(_module, _name))


def _print_version(value: bool) -> None:
    if value:
        out(f"connector {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Send SQL query results to TikTok and report the outcome of every row."""
