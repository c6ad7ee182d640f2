"""Options of every command, which may stand before its name too."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

import typer

from connector.cli import console
from connector.cli.completion import was_given
from connector.errors import UsageError

QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only data, warnings, questions and errors: no progress, no notes.")
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Also print the settings in use and every answer to a request.")
]
LogFormatOption = Annotated[
    Literal["text", "json"],
    typer.Option("--log-format", metavar="FORMAT", help="Write stderr as text, or as json: one JSON object per line."),
]

GENERAL_OPTIONS: Mapping[str, tuple[Any, Any]] = {
    "quiet": (QuietOption, False),
    "verbose": (VerboseOption, False),
    "log_format": (LogFormatOption, "text"),
}
"""The annotation and the default of each parameter that every command has."""


def with_inherited(context: typer.Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a command; options that it was not given itself come from before its name.

    Raises UsageError for an option before the name that the command does not have.
    """
    before = _given_before(context)
    if "project" in before and "project" not in arguments:
        raise UsageError(f"`{context.command_path}` does not work on a project: remove --project.")
    if unknown := [name for name in before if name not in arguments]:
        options = {parameter.name: parameter.opts[0] for parameter in _parameters_before(context)}
        raise UsageError(f"`{context.command_path}` has no option {options[unknown[0]]}: remove it.")
    return {name: value if was_given(context, name) else before.get(name, value) for name, value in arguments.items()}


def wants_json(arguments: Sequence[str]) -> bool:
    """Return true if a command line, which may be wrong otherwise, asks for JSON on stderr."""
    given = [*arguments, ""]
    pairs = pairwise(given)
    return "--log-format=json" in given or ("--log-format", "json") in pairs


def configure_messages(general: Mapping[str, Any]) -> None:
    """Set how messages are written to stderr. Raises UsageError if both --quiet and --verbose are given."""
    console.configure(quiet=general["quiet"], verbose=general["verbose"], as_json=general["log_format"] == "json")
    if general["quiet"] and general["verbose"]:
        raise UsageError("--quiet and --verbose exclude each other: give one of them.")


def _parameters_before(context: typer.Context) -> list[Any]:
    """Return the parameters of the groups that lead to a command."""
    parameters: list[Any] = []
    parent = context.parent
    while parent is not None:
        parameters += parent.command.params
        parent = parent.parent
    return parameters


def _given_before(context: typer.Context) -> dict[str, Any]:
    """Return the options that were given to the groups that lead to a command; the nearest group wins."""
    values: dict[str, Any] = {}
    parent = context.parent
    while parent is not None:
        given = {name: value for name, value in parent.params.items() if was_given(parent, name)}
        values, parent = {**given, **values}, parent.parent
    return values
