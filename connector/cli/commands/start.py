"""`connector start`: runs automatic orchestrations on their schedules."""

import os
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import say
from connector.cli.failures import reported
from connector.cli.options import DebugOption, ProjectOption, TargetOption

ParallelOption = Annotated[int, typer.Option("--parallel", metavar="N", min=1, help="How many runs at a time.")]
HostOption = Annotated[str, typer.Option("--host", metavar="H", help="Where to listen: 0.0.0.0 within a container.")]
PortOption = Annotated[
    int, typer.Option("--port", metavar="P", min=0, max=65535, help="Where /healthz answers; 0: anywhere.")
]
MetricsOption = Annotated[bool, typer.Option("--metrics", help="Answer /metrics, for Prometheus, as well.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("start")(start)


@reported
def start(
    target: TargetOption = None,
    parallel: ParallelOption = 4,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8788,
    metrics: MetricsOption = False,
    project: ProjectOption = None,
    debug: DebugOption = False,
) -> None:
    """Run every automatic orchestration on its schedule until stopped, a line for each change of state."""
    from connector.cli.signals import stopped_by_signals
    from connector.scheduler.start import StartOptions, starting

    options = StartOptions(parallel, host, port, metrics)
    with (
        starting(project or Path.cwd(), os.environ, target, options, say) as loop,
        stopped_by_signals(loop.kill) as stop,
    ):
        loop.run(stop)
