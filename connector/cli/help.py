"""Help: commands by section, each with a whole sentence, and options that every command has by themselves."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

HELP_OPTIONS = {"help_option_names": ["--help", "-h"]}
"""Settings of the root command, which all others inherit."""

GENERAL = ("project", "debug", "quiet", "verbose", "log_format", "version", "help")
"""Parameters that are listed apart: every command or the root has them."""

_RUN = re.compile(r"latest|(?=.*\d)[0-9a-zA-Z-]{4,}")
"""Matches the id of a run, and the beginning of one."""


class Command(TyperCommand):
    """A command whose help lists its own options before those of every command."""

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the whole first sentence, which shells show beside a completion."""
        return first_sentence(self.help or "")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the arguments as the command's author wrote them, then the options."""
        arguments = [parameter for parameter in self.get_params(ctx) if parameter.param_type_name == "argument"]
        return [*(argument_name(argument) for argument in arguments), "[OPTIONS]"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the command's own options, and the general ones."""
        _write_parameters(self, ctx, formatter)


class Group(TyperGroup):
    """A group of commands whose help lists each with the whole first sentence of its description."""

    sections: Mapping[str, Sequence[str]] = {}
    """The commands by the heading of their section; the rest follows under `Commands`."""

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the whole first sentence, which shells show beside a completion."""
        return first_sentence(self.help or "")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; for the id of a run in its place, say how to show that run."""
        if self.name == "runs" and args and args[0] not in self.commands and _RUN.fullmatch(args[0]):
            ctx.fail(f'"{args[0]}" is no command. To show that run: connector runs show {args[0]}')
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        _write_parameters(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write every command with its first sentence, by section."""
        rest = [name for name in self.commands if not any(name in names for names in self.sections.values())]
        width = max(map(len, self.commands), default=0)
        for heading, names in {**self.sections, "Commands": rest}.items():
            entries = [(name.ljust(width), first_sentence(self.commands[name].help or "")) for name in names]
            if entries:
                with formatter.section(heading):
                    formatter.write_dl(entries)


def argument_name(argument: Any) -> str:
    """Return how an argument stands in the usage."""
    return str(argument.metavar or argument.name.upper())


def first_sentence(text: str) -> str:
    """Return the first sentence of a description."""
    paragraph = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return re.split(r"(?<=\.) (?=[A-Z])", paragraph, maxsplit=1)[0]


def _write_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    """Write arguments and options under headings of their own."""
    records: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "General options": []}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        if parameter.param_type_name == "argument":
            records["Arguments"].append((argument_name(parameter), record[1]))
        else:
            records[
                "General options"
                if (parameter.name in GENERAL or parameter.name.endswith("_completion"))
                else "Options"
            ].append(record)
    for heading, entries in records.items():
        if entries:
            with formatter.section(heading):
                formatter.write_dl(entries)
