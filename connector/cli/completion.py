"""Completion of names in a shell: fast, and silent if the project is broken."""

import os
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from connector.cli.console import Level, out, say

_SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
MAX_RUNS = 30
"""The most runs that are offered."""

Complete = Callable[[typer.Context, str], list[Any]]


def _complete(find: Callable[[Path, str], Iterator[Any]]) -> Complete:
    """Return a function for Typer that offers what `find` yields for the project folder; nothing if it fails."""

    def complete(ctx: typer.Context, incomplete: str) -> list[Any]:
        items: list[Any] = []
        with suppress(Exception):
            items.extend(find(_folder(ctx), incomplete))
        return items

    return complete


def _names(section: str) -> Complete:
    def find(folder: Path, incomplete: str) -> Iterator[str]:
        from connector.config.outline import names_in

        return (name for name in names_in(folder / "orchestrations.yaml", section) if name.startswith(incomplete))

    return _complete(find)


def _find_tags(folder: Path, incomplete: str) -> Iterator[str]:
    from connector.config.outline import tags_in

    return (tag for tag in tags_in(folder / "orchestrations.yaml") if tag.startswith(incomplete))


def _find_runs(folder: Path, incomplete: str) -> Iterator[tuple[str, str]]:
    from connector.ledger.recent_runs import recent_runs

    if "latest".startswith(incomplete):
        yield "latest", "The run that started last."
    for run_id, orchestration, status in recent_runs(folder / ".connector" / "ledger.sqlite", incomplete, MAX_RUNS):
        yield run_id, f"{orchestration}, {status.replace('_', ' ')}"


def _find_statuses(_: Path, incomplete: str) -> Iterator[str]:
    from connector.core.outcomes import RunStatus

    return (str(status) for status in RunStatus if status.startswith(incomplete))


def _find_reasons(_: Path, incomplete: str) -> Iterator[str]:
    from connector.core.outcomes import Reason, Skip

    return (str(reason) for reason in (*Reason, *Skip) if reason.startswith(incomplete))


complete_orchestration = _names("orchestrations")
complete_target = _names("targets")
complete_destination = _names("destinations")
complete_credential = _names("credentials")
complete_warehouse = _names("warehouses")
complete_engine = _names("engines")
complete_tag = _complete(_find_tags)
complete_run = _complete(_find_runs)
complete_status = _complete(_find_statuses)
complete_reason = _complete(_find_reasons)


def print_or_install(arguments: Sequence[str]) -> int | None:
    """Print or install the completion, for the shell named behind the option too; None without such an option.

    Returns the exit code.
    """
    if not arguments or arguments[0] not in {"--show-completion", "--install-completion"}:
        return None
    shell, shows = next(iter(arguments[1:]), None), arguments[0] == "--show-completion"
    if shell is not None and shell not in _SHELLS:
        say(f'"{shell}" is no shell with completion: name one of {", ".join(_SHELLS)}.', Level.ERROR)
        return 2
    if shows and shell is None:
        return None
    from typer._completion_shared import get_completion_script, install

    if shows:
        out(get_completion_script(prog_name="connector", complete_var="_CONNECTOR_COMPLETE", shell=str(shell)))
        return 0
    name, path = install(shell=shell, prog_name="connector", complete_var="_CONNECTOR_COMPLETE")
    started = {"bash": ", and a line that reads it in ~/.bashrc", "zsh": ", and lines that read it in ~/.zshrc"}
    out(f"{name} completion installed in {path}{started.get(name, '')}")
    out("Completion will take effect once you restart the terminal")
    return 0


def join_options(environ: MutableMapping[str, str]) -> None:
    """Put together `--target`, `=` and `lo`, as which bash passes the single word `--target=lo`."""
    position = environ.get("COMP_CWORD", "")
    if not position.isdecimal():
        return
    words, joined = environ.get("COMP_WORDS", "").split("\n"), list[str]()
    for index, word in enumerate(words):
        if joined and joined[-1].startswith("--") and "=" in {word, words[index - 1]}:
            joined[-1] += word
        else:
            joined.append(word)
        if index == int(position):
            environ["COMP_CWORD"] = str(len(joined) - 1)
    environ["COMP_WORDS"] = "\n".join(joined)


def was_given(ctx: Any, name: str) -> bool:
    """Return true if an option was given to a command itself, and not by the environment or by default."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _folder(ctx: Any) -> Path:
    """Return the project folder of a command line that is still being typed."""
    while ctx is not None:
        if was_given(ctx, "project"):
            return Path(ctx.params["project"]).expanduser()
        ctx = ctx.parent
    return Path(os.environ.get("CONNECTOR_PROJECT") or ".")
