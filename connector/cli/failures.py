"""From an error to one clear sentence on stderr and an exit code."""

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


_afterwards: list[Callable[[], None]] = []


def afterwards(do: Callable[[], None]) -> None:
    """Has something done at the end of the command that is under way, when all is printed, however it ends."""
    _afterwards.append(do)


def _do_afterwards() -> None:
    if _afterwards:
        sys.stdout.flush()
    while _afterwards:
        _afterwards.pop(0)()


class AlreadyPrinted(Exception):
    """An error of a run whose record has been printed as the one JSON object."""

    def __init__(self, error: ConnectorError) -> None:
        self.error = error
        super().__init__(error.message)


def reported(command: Callable[_Parameters, None]) -> Callable[_Parameters, None]:
    """A command whose errors become messages. `--debug` lets the stack trace through, `--json` an object."""

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
            _tell(error, as_json=as_json and error is raised)
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
            _do_afterwards()

    return run


def _from_here(problem: Problem) -> Problem:
    """A problem whose file is named as seen from the current folder, where it lies below it."""
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
    """Of an error of the system its words; any other may quote a value of somebody's data, and is only named."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}."
    return f"Unexpected {type(error).__name__}. Run the command again with --debug to see where."


def _tell(error: ConnectorError, *, as_json: bool) -> None:
    if as_json:
        out_json({"error": error.message})
    if isinstance(error, ConfigurationError):
        for problem in error.problems:
            say(str(_from_here(problem)))
    else:
        say(error.message)
