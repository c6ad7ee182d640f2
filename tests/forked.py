"""The process that commands of tests are forked from, see tests.forking: `python -m tests.forked DESCRIPTOR`."""

import gc
import io
import json
import os
import runpy
import socket
import sys
import time
import warnings
from functools import cache
from importlib import import_module
from typing import Any

from connector.cli.process import configure_process

LOADED = (
    "connector.api",
    "connector.cli.app",
    "connector.cli.running",
    "connector.destinations.event_destination",
    "connector.destinations.file",
    "connector.destinations.tiktok.client",
    "connector.destinations.tiktok.audience.destination",
    "connector.files.delimited_reader",
    "connector.inspection.destination_tests",
    "connector.inspection.plan",
    "connector.inspection.preview",
    "connector.ledger.batches",
    "connector.ledger.requests",
    "connector.privacy.forget",
    "connector.reporting.run_details",
    "connector.runs.resume",
    "connector.runs.retry",
    "connector.runs.run",
    "connector.scheduler.daemon",
    "connector.simulator.server",
    "connector.sources.duckdb",
    "phonenumbers",
    "pyarrow.parquet",
    "sqlalchemy.dialects.sqlite",
    "typer._adapters",
)
"""Most of what commands load."""
LOADED_FIRST = {"mcp": "connector.mcp.server"}
"""The modules that are loaded once the first command of a name is ordered."""
MOST_DATABASES = 6
"""That a command opens in memory; few open more."""
MOST_BYTES = 1 << 20
"""In an order."""
POLL_SECONDS = 0.0002


def fork_for_orders(connection: socket.socket) -> dict[str, Any]:
    """Fork for each order, and return it in the new process; exit once nobody orders any more."""
    while True:
        message, streams, _, _ = socket.recv_fds(connection, MOST_BYTES, 3)
        if not message:
            os._exit(0)
        order: dict[str, Any] = json.loads(message)
        if name := LOADED_FIRST.get(next(iter(order["arguments"]), "")):
            import_module(name)
        with warnings.catch_warnings():
            # A library has a thread of its own, and is prepared for a fork.
            warnings.simplefilter("ignore", DeprecationWarning)
            between = os.fork()
        if between:
            os.waitpid(between, 0)
            for stream in streams:
                os.close(stream)
            continue
        if os.fork():
            os._exit(0)
        become(order, connection, streams)
        return order


def become(order: dict[str, Any], connection: socket.socket, streams: list[int]) -> None:
    """Make this process as ordered, and tell its number once it is the child of whoever ordered it."""
    while os.getppid() != order["parent"]:
        time.sleep(POLL_SECONDS)
    connection.send(str(os.getpid()).encode())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    connection.detach()
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    os.umask(order["umask"])
    if order["start_new_session"]:
        os.setsid()
    os.chdir(order["cwd"])
    sys.path[0] = order["cwd"]
    sys.argv[1:] = order["arguments"]
    sys.orig_argv[2:] = [order["module"], *order["arguments"]]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        opened = open_stream(number, getattr(sys, f"__{name}__"))
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)


def open_stream(number: int, like: io.TextIOWrapper) -> io.TextIOWrapper:
    """Open a standard stream as Python does when it starts; `like` is this process's own."""
    raw = io.FileIO(number, "wb" if number else "rb", closefd=False)
    vars(raw)["name"], unbuffered = like.name, like.write_through
    buffer: Any = io.BufferedReader(raw) if number == 0 else raw if unbuffered else io.BufferedWriter(raw)
    opened = io.TextIOWrapper(
        buffer,
        encoding=like.encoding,
        errors=like.errors,
        newline="\n" if number else None,
        line_buffering=not unbuffered and (number == 2 or raw.isatty()),
        write_through=unbuffered,
    )
    vars(opened)["mode"] = "w" if number else "r"
    return opened


def build_commands() -> None:
    """Build the commands and their options once."""
    import typer.main

    from connector.cli.app import app

    typer.main.get_command = cache(typer.main.get_command)
    typer.main.get_command(app)


def main(descriptor: int) -> None:
    """Load the product, and run a command in each process that is forked."""
    configure_process()
    # Loads what registers functions for the end of the process, which have to come after those of the product.
    from tests.databases import open_databases

    gc.disable()
    for name in LOADED:
        import_module(name)
    open_databases(MOST_DATABASES)
    build_commands()
    gc.freeze()
    gc.enable()
    order = fork_for_orders(socket.socket(fileno=descriptor))
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
