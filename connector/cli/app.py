"""The commands. Each is in a module of its own, which imports the rest of what it needs when it runs."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.exceptions import TyperException

from connector.cli.completion import join_options, print_or_install
from connector.cli.console import Level, configure, is_json, out, say
from connector.cli.general_options import LogFormatOption, QuietOption, VerboseOption, wants_json
from connector.cli.help import HELP_OPTIONS, Command, Group
from connector.cli.options import DebugOption, ProjectOption
from connector.core.version import __version__

_SECTIONS = {
    "Set up": ("init", "validate", "schema", "dbt", "mcp"),
    "Look before sending": ("test", "compile", "preview", "plan", "promote"),
    "Send": ("run", "stop", "resume", "retry", "start", "schedule"),
    "Look back": ("runs", "rejects", "report", "usage-report", "console"),
    "Destinations": ("destinations", "audiences", "auth", "headers", "simulate"),
    "Privacy": ("forget",),
}
"""The commands by the heading under which `connector --help` lists them."""


class Root(Group):
    """The command `connector`."""

    sections = _SECTIONS

    def main(self, args: Sequence[str] | None = None, *further: Any, **settings: Any) -> Any:
        """Run the command line; with --log-format json, print wrong usage as JSON too."""
        join_options(os.environ)
        arguments = sys.argv[1:] if args is None else list(args)
        configure(as_json=wants_json(arguments))
        if (code := print_or_install(arguments)) is not None:
            raise SystemExit(code)
        if not is_json():
            return super().main(args, *further, **settings)
        try:
            raise SystemExit(super().main(args, *further, **{**settings, "standalone_mode": False}))
        except TyperException as error:
            say(error.format_message(), Level.ERROR)
            raise SystemExit(error.exit_code) from None


app = typer.Typer(
    name="connector",
    cls=Root,
    context_settings=HELP_OPTIONS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:
    if value:
        out(f"connector {__version__}")
        raise typer.Exit


def general(
    project: ProjectOption = None,
    debug: DebugOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    log_format: LogFormatOption = "text",
) -> None:
    """Take the options of every command before its name."""


def _add_commands() -> None:
    for command in (command for commands in _SECTIONS.values() for command in commands):
        module = import_module(f"connector.cli.commands.{command.replace('-', '_')}")
        group: typer.Typer | None = getattr(module, "group", None)
        if group is None:
            app.command(command, cls=Command)(getattr(module, command.replace("-", "_")))
            continue
        for registered in group.registered_commands:
            registered.cls = Command
        if group.registered_callback is None:
            group.callback()(general)
        app.add_typer(group, name=command, cls=Group)


_add_commands()


@app.callback()
def options(
    project: ProjectOption = None,
    debug: DebugOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    log_format: LogFormatOption = "text",
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Send SQL query results to TikTok and report the outcome of every row.

    Start with `connector init shop`. Each command has its own help, such as `connector run -h`.
    """
