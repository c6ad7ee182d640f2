"""`connector run`: reads, checks, hashes, sends, and accounts for every row."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from connector.cli.console import out, out_json
from connector.cli.failures import reported
from connector.cli.options import (
    DebugOption,
    JsonOption,
    NameArgument,
    ProjectOption,
    TargetOption,
    open_project,
)

LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="Read only so many rows of the result.")]
TestEventOption = Annotated[
    str | None,
    typer.Option("--test-event-code", metavar="C", help="Send test events, with the code of TikTok's Test Events tab."),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("run")(run)


@reported
def run(
    name: NameArgument,
    target: TargetOption = None,
    limit: LimitOption = None,
    test_event_code: TestEventOption = None,
    project: ProjectOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Run an orchestration: read, check, hash, send, and account for every row."""
    from connector.cli.progress import watching
    from connector.cli.summary import summary
    from connector.errors import ConnectorError
    from connector.pipeline.history import find_run
    from connector.pipeline.run import RunOptions, run_orchestration

    opened = open_project(project, target)
    with watching(quiet=json_output) as observer, _interruptible() as stop:
        try:
            record = run_orchestration(opened, name, RunOptions(limit, test_event_code), observer=observer, stop=stop)
        except ConnectorError as error:
            found = find_run(opened, observer.run_id) if observer.run_id else None
            if found and json_output:
                out_json(found.as_json())
                error.told = True  # type: ignore[attr-defined]
            raise
    if json_output:
        out_json(record.as_json())
        return
    for line in summary(record):
        out(line)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Ctrl-C asks the run to stop; a second one does not wait for the requests in flight."""
    stop = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if stop.is_set():
            signal.default_int_handler(number, frame)
        stop.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
