"""From an error to one clear sentence on stderr and an exit code."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from connector.cli.console import out_json, say
from connector.errors import ConfigurationError, ConnectorError

_Parameters = ParamSpec("_Parameters")

FAILED = 1
INTERRUPTED = 130


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
        except ConnectorError as error:
            if debug:
                raise
            _tell(error, as_json=as_json)
            raise typer.Exit(error.exit_code) from None
        except (typer.Exit, BrokenPipeError):
            raise
        except Exception as error:
            if debug:
                raise
            # The message of an unexpected error may hold a value of somebody's data: it is not shown.
            say(f"connector: unexpected {type(error).__name__}. Run the command again with --debug to see where.")
            raise typer.Exit(FAILED) from None

    return run


def _tell(error: ConnectorError, *, as_json: bool) -> None:
    if as_json and not getattr(error, "told", False):
        out_json({"error": error.message})
    if isinstance(error, ConfigurationError):
        for problem in error.problems:
            say(str(problem))
    else:
        say(error.message)
