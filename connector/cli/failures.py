"""Conversion of errors to one clear sentence on stderr and an exit code."""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import typer

from connector.cli.console import out_json, say
from connector.cli.options import open_project
from connector.errors import ConfigurationError, ConnectorError, Problem

_Parameters = ParamSpec("_Parameters")

FAILED = 1
INTERRUPTED = 130


_deferred: list[Callable[[], None]] = []


def defer(task: Callable[[], None]) -> None:
    """Run a task at the end of the current command, when everything is printed, however the command ends."""
    _deferred.append(task)


def _run_deferred() -> None:
    if _deferred:
        sys.stdout.flush()
    while _deferred:
        _deferred.pop(0)()


class AlreadyPrinted(Exception):
    """An error of a run whose record was already printed as the one JSON object."""

    def __init__(self, error: ConnectorError) -> None:
        self.error = error
        super().__init__(error.message)


def reported(command: Callable[_Parameters, None]) -> Callable[_Parameters, None]:
    """Turn a command's errors into messages. With `--debug`, let them through; with `--json`, print an object."""

    @wraps(command)
    def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
        debug, as_json = bool(kwargs.get("debug")), bool(kwargs.get("json_output"))
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            say("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except (ConnectorError, AlreadyPrinted) as raised:
            if debug:
                raise
            error = raised.error if isinstance(raised, AlreadyPrinted) else raised
            _print_error(error, as_json=as_json and error is raised)
            raise typer.Exit(error.exit_code) from None
        except typer.Exit:
            raise
        except Exception as error:
            if debug:
                raise
            message = _damaged_ledger(kwargs.get("project")) or _unexpected(error)
            if as_json:
                out_json({"error": message})
            say(message)
            raise typer.Exit(FAILED) from None
        finally:
            _run_deferred()

    return run


def _relative_to_here(problem: Problem) -> Problem:
    """Return a problem with its file relative to the current folder, if the file is below it."""
    here = Path.cwd()
    if problem.file is None or not problem.file.is_relative_to(here):
        return problem
    return replace(problem, file=problem.file.relative_to(here))


def _damaged_ledger(folder: object) -> str | None:
    """Return the message for a damaged ledger, or None."""
    from connector.ledger.project_ledger import damaged_ledger

    with suppress(Exception):
        path = damaged_ledger(open_project(folder if isinstance(folder, Path) else None))
        return f"The ledger {path} is damaged: restore it from a backup, and run the command again." if path else None
    return None


def _unexpected(error: Exception) -> str:
    """Describe a system error in its words, and any other by its type: its text may quote somebody's data."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}."
    return f"Unexpected {type(error).__name__}. Run the command again with --debug to see where."


def _print_error(error: ConnectorError, *, as_json: bool) -> None:
    if as_json:
        out_json({"error": error.message})
    if isinstance(error, ConfigurationError):
        for problem in error.problems:
            say(str(_relative_to_here(problem)))
    else:
        say(error.message)
