"""`connector start`: run automatic orchestrations on their schedules."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.console import say
from connector.cli.failures import reported
from connector.cli.options import ProjectOptions, TargetOption

if TYPE_CHECKING:
    from connector.console.server import ConsoleServer
    from connector.scheduler.loop import SchedulerLoop

ParallelOption = Annotated[int, typer.Option("--parallel", metavar="N", min=1, help="How many runs at the same time.")]
HostOption = Annotated[
    str, typer.Option("--host", metavar="H", help="The address to listen on; 0.0.0.0 in a container.")
]
PortOption = Annotated[
    int, typer.Option("--port", metavar="P", min=0, max=65535, help="The port of /healthz; 0 takes any free port.")
]
MetricsOption = Annotated[bool, typer.Option("--metrics", help="Also serve /metrics for Prometheus.")]

ConsoleOption = Annotated[bool, typer.Option("--console", help="Also serve the console in the browser.")]
ConsolePortOption = Annotated[
    int,
    typer.Option(
        "--console-port", metavar="P", min=0, max=65535, help="The port of the console; 0 takes any free port."
    ),
]


@reported
def start(
    target: TargetOption = None,
    parallel: ParallelOption = 4,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8788,
    metrics: MetricsOption = False,
    console: ConsoleOption = False,
    console_port: ConsolePortOption = 8790,
    *,
    options: ProjectOptions,
) -> None:
    """Run every automatic orchestration on its schedule until stopped. Prints a line for each change of state."""
    from connector.cli.signals import stop_on_signals
    from connector.scheduler.daemon import StartOptions, open_scheduler

    start_options = StartOptions(parallel, host, port, metrics)
    running: list[SchedulerLoop] = []
    folder = options.project or Path.cwd()

    def kill() -> None:
        for loop in running:
            loop.kill()

    # Signals first: the scheduler may be stopped as soon as it prints that it is up.
    with (
        stop_on_signals(kill) as stop,
        open_scheduler(folder, os.environ, target, start_options, say) as loop,
        _console(folder, target, host, console_port) if console else nullcontext(),
    ):
        running.append(loop)
        loop.run(stop)


@contextmanager
def _console(folder: Path, target: str | None, host: str, port: int) -> Iterator["ConsoleServer"]:
    """Serve the console beside the scheduler, and print how to enter it."""
    from connector.cli.commands.console import print_link
    from connector.console.server import open_console

    with open_console(folder, os.environ, target, host, port, say) as server:
        print_link(server)
        yield server
