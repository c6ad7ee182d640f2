"""Conversion of errors to one clear sentence on stderr and an exit code."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Any

import typer

from connector.cli.console import Level, is_json, out_json, say
from connector.cli.general_options import GENERAL_OPTIONS, configure_messages, with_inherited
from connector.cli.options import open_project
from connector.core.secret_registry import without_secrets
from connector.errors import ConfigurationError, ConnectorError, Problem

FAILED = 1
INTERRUPTED = 130
_CONTEXT = "context"


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


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """Turn a command's errors into messages, and pass it the options of its parameter `options` as one object.

    `--debug` prints the stack trace of an error too, `--json` prints the error as an object.
    """
    parameters = list(signature(command).parameters.values())
    bundle = next((parameter.annotation for parameter in parameters if parameter.name == "options"), None)
    takes_context = any(parameter.name == _CONTEXT for parameter in parameters)

    @wraps(command)
    def run(**given: Any) -> None:
        context = given.pop(_CONTEXT)
        with _errors_as_messages(None, as_json=bool(given.get("json_output")), debug=bool(given.get("debug"))):
            arguments = with_inherited(context, given)
            configure_messages({name: arguments.pop(name) for name in GENERAL_OPTIONS})
        debug, as_json, folder = (arguments.get(name) for name in ("debug", "json_output", "project"))
        if bundle:
            arguments["options"] = bundle(**{field.name: arguments.pop(field.name) for field in fields(bundle)})
        if takes_context:
            arguments[_CONTEXT] = context
        try:
            with _errors_as_messages(folder, as_json=bool(as_json), debug=bool(debug)):
                command(**arguments)
        except KeyboardInterrupt:
            say("Interrupted.", Level.ERROR)
            raise typer.Exit(INTERRUPTED) from None
        finally:
            _run_deferred()

    run.__signature__ = _expanded(parameters, bundle)  # type: ignore[attr-defined]
    return run


def _expanded(parameters: Sequence[Parameter], bundle: Any) -> Signature:
    """Return the signature that Typer reads: an option for each field of `bundle`, and those of every command."""
    own = [parameter for parameter in parameters if parameter.name not in {"options", _CONTEXT}]
    shared = [(field.name, field.type, field.default) for field in (fields(bundle) if bundle else ())]
    general = [(name, annotation, default) for name, (annotation, default) in GENERAL_OPTIONS.items()]
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, annotation, default in [*shared, *general]
    ]
    context = Parameter(_CONTEXT, Parameter.KEYWORD_ONLY, annotation=typer.Context)
    return Signature([*own, *options, context])


@contextmanager
def _errors_as_messages(folder: object, *, as_json: bool, debug: bool) -> Iterator[None]:
    try:
        yield
    except (ConnectorError, AlreadyPrinted) as raised:
        error = raised.error if isinstance(raised, AlreadyPrinted) else raised
        if debug:
            say_stack_trace(error if error.__traceback__ else error.with_traceback(raised.__traceback__))
        _print_error(error, as_json=as_json and error is raised)
        raise typer.Exit(error.exit_code) from None
    except typer.Exit:
        raise
    except Exception as error:
        if debug:
            say_stack_trace(error)
        message = describe_unexpected(error, folder)
        if as_json:
            out_json({"error": message})
        say(message, Level.ERROR)
        raise typer.Exit(FAILED) from None


def say_stack_trace(error: Exception) -> None:
    """Print the stack trace of an error to stderr; as JSON, it is the field `stack_trace` of one line."""
    import traceback

    # Quotes and backslashes of a secret are written otherwise in JSON than in a text.
    trace = without_secrets("".join(traceback.format_exception(error)).rstrip())
    if is_json():
        say(f"Stack trace of {type(error).__name__}", Level.ERROR, {"stack_trace": trace})
    else:
        say(trace, Level.ERROR)


def describe_unexpected(error: Exception, folder: object) -> str:
    """Describe an error that is none of the connector's own."""
    return _damaged_ledger(folder) or _unexpected(error)


def relative_to_here(problem: Problem) -> Problem:
    """Return a problem with its file relative to the current folder, if the file is below it."""
    here = Path.cwd()
    if problem.file is None or not problem.file.is_relative_to(here):
        return problem
    return replace(problem, file=problem.file.relative_to(here))


def _damaged_ledger(folder: object) -> str | None:
    """Return the message for a damaged ledger, or None."""
    from connector.ledger.project_ledger import damaged_ledger

    with suppress(Exception):
        path = damaged_ledger(open_project(folder if isinstance(folder, Path) else None).settings)
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
    for line in error_lines(error):
        say(line, Level.ERROR)


def error_lines(error: ConnectorError) -> list[str]:
    """Return the lines that describe an error: one for each problem of the configuration, else one."""
    if isinstance(error, ConfigurationError):
        return [str(relative_to_here(problem)) for problem in error.problems]
    return [error.message]
