"""`connector console`: the project in the browser."""

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.console import is_terminal, out, say
from connector.cli.failures import reported
from connector.cli.options import ProjectOptions, TargetOption
from connector.cli.process import allow_closed_output

if TYPE_CHECKING:
    from connector.console.server import ConsoleServer

HostOption = Annotated[str, typer.Option("--host", metavar="H", help="The address to listen on.")]
PortOption = Annotated[
    int, typer.Option("--port", metavar="P", min=0, max=65535, help="The port to listen on; 0 takes any free port.")
]


@reported
def console(
    target: TargetOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8790,
    *,
    options: ProjectOptions,
) -> None:
    """Serve the project in the browser until Ctrl-C. Prints a link that signs in once."""
    from connector.cli.signals import stop_on_signals
    from connector.console.server import open_console

    allow_closed_output()
    folder = options.project or Path.cwd()
    with stop_on_signals(lambda: None) as stop, open_console(folder, os.environ, target, host, port, say) as server:
        print_link(server)
        stop.wait()


def print_link(server: "ConsoleServer") -> None:
    """Print how to enter; on a terminal, print a new link whenever Enter is pressed."""
    if server.console.proxy:
        out(server.home)
    else:
        out(server.new_link())
        say("The link works once, within 5 minutes. Press Enter for a new one, Ctrl+C to stop.")
        if sys.stdin is not None and sys.stdin.isatty() and is_terminal():
            threading.Thread(target=_print_new_links, args=(server,), name="links", daemon=True).start()
    sys.stdout.flush()


def _print_new_links(server: "ConsoleServer") -> None:
    for _ in sys.stdin:
        out(server.new_link())
        sys.stdout.flush()
