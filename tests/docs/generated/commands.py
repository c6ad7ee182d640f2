"""The page of commands, from their `--help`."""

from collections.abc import Iterator
from typing import cast

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from connector.cli.app import app
from tests.docs.generated.tables import table

Command = TyperCommand | TyperGroup
SHARED = {"--project", "--debug", "--quiet", "--verbose", "--log-format", "--help"}
"""Options of all commands, which the page names once."""

INTRODUCTION = """\
# Commands

Every command has these options, which may stand before its name too:

| option | meaning |
| --- | --- |
| `--project DIR` | The project folder, also `CONNECTOR_PROJECT`. Default: the current folder. Not for `init`, `headers` and `simulate`. |
| `--quiet`, `-q` | Print only data, warnings, questions and errors: no progress, no notes. |
| `--verbose`, `-v` | Also print the settings in use and every answer to a request. |
| `--log-format FORMAT` | `text`, or `json`: one JSON object per line of stderr, with `time`, `level` (`debug`, `info`, `warning` or `error`) and `message`, and `run_id`, counts or `stack_trace` where there are any. |
| `--debug` | Also print the stack trace of an error. |
| `--help`, `-h` | Show what the command does, and its options. |

Data goes to stdout, everything else to stderr. `--json` prints one object to stdout: see [JSON output](json.md). The exit
codes are in [Outcomes](outcomes.md#exit-codes).

"""


def page() -> str:
    """Return the page."""
    return INTRODUCTION + _overview() + "".join(_section(*one) for one in commands().items())


def commands() -> dict[str, Command]:
    """Return every command, by what is typed."""
    return dict(_below(cast(TyperGroup, get_command(app)), "connector"))


def _below(group: TyperGroup, typed: str) -> Iterator[tuple[str, Command]]:
    for name, command in group.commands.items():
        yield f"{typed} {name}", cast(Command, command)
        if isinstance(command, TyperGroup):
            yield from _below(command, f"{typed} {name}")


def options(command: Command) -> list[TyperOption]:
    """Return the options of a command that its help shows, but those of all commands."""
    found = [one for one in command.params if isinstance(one, TyperOption)]
    return [one for one in found if not SHARED & set(one.opts) and not one.hidden]


def _overview() -> str:
    rows = [(f"[`{typed}`](#{_anchor(typed)})", _paragraphs(command)[0]) for typed, command in commands().items()]
    return table(("command", "what it does"), rows)


def _section(typed: str, command: Command) -> str:
    arguments = [(f"`{_metavar(one)}`", one.help or "", "") for one in _arguments(command)]
    rows = [*arguments, *((_spelling(one), one.help or "", _default(one)) for one in options(command))]
    text = "\n\n".join(_paragraphs(command))
    usage = " ".join((typed, *map(_metavar, _arguments(command)), *(["[OPTIONS]"] if options(command) else [])))
    listed = "\n" + table(("argument or option", "meaning", "default"), rows) if rows else ""
    return f"\n## {typed}\n\n```text\n{usage}\n```\n\n{text}\n{listed}"


def _anchor(typed: str) -> str:
    return typed.replace(" ", "-")


def _paragraphs(command: Command) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n")]


def _arguments(command: Command) -> list[TyperArgument]:
    return [one for one in command.params if isinstance(one, TyperArgument)]


def _metavar(argument: TyperArgument) -> str:
    return argument.metavar or (argument.name or "").upper()


def _spelling(option: TyperOption) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    return names if option.is_flag else f"{names} `{option.metavar}`"


def _default(option: TyperOption) -> str:
    if option.required:
        return "required"
    return "" if option.is_flag or option.default in (None, []) else f"`{option.default}`"
