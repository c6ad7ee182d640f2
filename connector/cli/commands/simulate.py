"""`connector simulate`: simulate TikTok's API on this machine."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.console import out, out_json, say
from connector.cli.failures import reported
from connector.cli.options import DebugOption, JsonOption
from connector.cli.process import allow_closed_output

if TYPE_CHECKING:
    from connector.simulator.server import Simulator

PORT = 8787

PortOption = Annotated[
    int, typer.Option("--port", metavar="P", min=0, max=65535, help="The port to listen on; 0 takes any free port.")
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option("--fault", metavar="F", help="A fault to inject, as KIND:KEY=VALUE,…; can be repeated."),
]
FaultsOption = Annotated[Path | None, typer.Option("--faults", metavar="FILE", help="A YAML or JSON list of faults.")]
RecordOption = Annotated[
    Path | None,
    typer.Option(
        "--record", metavar="FILE", help="Append every accepted event to this file, one JSON object per line."
    ),
]
StrictnessOption = Annotated[
    list[str] | None,
    typer.Option(
        "--strictness", metavar="NAME=VALUE", help="Choose a behaviour that TikTok's pages leave open; can be repeated."
    ),
]
TokenOption = Annotated[
    list[str] | None,
    typer.Option("--token", metavar="T", help="A valid token; can be repeated (default: any token is valid)."),
]
EventSourceOption = Annotated[
    list[str] | None,
    typer.Option("--event-source", metavar="ID", help="A valid event source; can be repeated (default: any)."),
]


@reported
def simulate(
    port: PortOption = PORT,
    fault: FaultOption = None,
    faults: FaultsOption = None,
    record: RecordOption = None,
    strictness: StrictnessOption = None,
    token: TokenOption = None,
    event_source: EventSourceOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Simulate TikTok's API on this machine until Ctrl-C, with the faults that you ask for."""
    from connector.simulator.fault_files import parse, read
    from connector.simulator.recording import Recording
    from connector.simulator.server import Simulator
    from connector.simulator.strictness import parse_strictness

    allow_closed_output()
    injected = [*map(parse, fault or ()), *(read(faults) if faults else ())]
    with Recording(record) if record else nullcontext() as recording:
        simulator = Simulator(
            port=port, strictness=parse_strictness(strictness or ()), faults=injected, recording=recording,
            tokens=token or (), event_sources=event_source or (),
        )  # fmt: skip
        _serve(simulator, port, json_output)
    if json_output:
        out_json(simulator.tally.as_json())


def _serve(simulator: "Simulator", port: int, json_output: bool) -> None:
    """Serve until a signal arrives. Raises UsageError if the port is not free."""
    from connector.cli.signals import stop_on_signals
    from connector.cli.simulator_view import display
    from connector.errors import UsageError

    try:
        simulator.start()
    except OSError as error:
        raise UsageError(f"Cannot listen on port {port}: {error.strerror}.") from None
    with simulator, stop_on_signals(lambda: None) as stop:
        (say if json_output else out)(simulator.url)
        sys.stdout.flush()
        display(simulator, stop, quiet=json_output)
