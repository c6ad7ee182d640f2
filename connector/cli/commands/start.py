"""`connector start`: run automatic orchestrations on their schedules."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.console import say
from connector.cli.failures import reported
from connector.cli.options import ProjectOptions, TargetOption

if TYPE_CHECKING:
    from connector.scheduler.loop import SchedulerLoop

ParallelOption = Annotated[int, typer.Option("--parallel", metavar="N", min=1, help="How many runs at the same time.")]
HostOption = Annotated[
    str, typer.Option("--host", metavar="H", help="The address to listen on; 0.0.0.0 in a container.")
]
PortOption = Annotated[
    int, typer.Option("--port", metavar="P", min=0, max=65535, help="The port of /healthz; 0 takes any free port.")
]
MetricsOption = Annotated[bool, typer.Option("--metrics", help="Also serve /metrics for Prometheus.")]


@reported
def start(
    target: TargetOption = None,
    parallel: ParallelOption = 4,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8788,
    metrics: MetricsOption = False,
    *,
    options: ProjectOptions,
) -> None:
    """Run every automatic orchestration on its schedule until stopped. Prints a line for each change of state."""
    from connector.cli.signals import stop_on_signals
    from connector.scheduler.daemon import StartOptions, open_scheduler

    start_options = StartOptions(parallel, host, port, metrics)
    running: list[SchedulerLoop] = []

    def kill() -> None:
        for loop in running:
            loop.kill()

    # Signals first: the scheduler may be stopped as soon as it prints that it is up.
    with (
        stop_on_signals(kill) as stop,
        open_scheduler(options.project or Path.cwd(), os.environ, target, start_options, say) as loop,
    ):
        running.append(loop)
        loop.run(stop)
