"""Start `connector` in tests from a process that has loaded it: loading takes longer than what most commands do.

Such a command is as much a process as one that `python -m connector` starts: a child of the process of the tests, with
a number, an exit code, streams, an environment and a working directory of its own. A command is loaded anew, as for
users, if a shell or another program starts it, if Python gets options or a program, or if the environment differs in
what Python or a library reads when it is loaded.
"""

import atexit
import ctypes
import inspect
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

ROOT = str(Path(__file__).parents[1])
REAL_STARTS = "REAL_STARTS"
"""Names the environment variable with which all commands are loaded anew."""
COMMAND = [sys.executable, "-m", "connector"]
FREE = re.compile(
    r"(CONNECTOR|TIKTOK|PYTEST|AWS|OTEL|SNOWFLAKE)_\w+|USER|LOGNAME|COLUMNS|LINES|TERM|NO_COLOR|TOKEN|SINK"
)
"""Environment variables that nothing reads while it is loaded."""
SPECIAL = {
    "executable": (None,), "preexec_fn": (None,), "close_fds": (True,), "pass_fds": ((),), "shell": (False,),
    "restore_signals": (True,), "gid": (None,), "gids": (None,), "uid": (None,), "umask": (-1,),
    "process_group": (None, -1),
}  # fmt: skip
"""Arguments of Popen, and their values that ask for nothing special."""
MOST_BYTES = 100_000
"""In an order; the socket takes no message that is much longer."""
SECONDS = 60
"""After which a process that does not fork is given up."""
PR_SET_CHILD_SUBREAPER = 36

_execute: Callable[..., None] = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_lock = Lock()


def fork_commands() -> None:
    """Make every Popen of this process fork commands, where this can be done."""
    if sys.platform == "linux" and REAL_STARTS not in os.environ:
        subprocess.Popen._execute_child = _execute_child  # type: ignore[attr-defined]


def _execute_child(process: "subprocess.Popen[Any]", *given: Any) -> None:
    """Do what Popen's own method does: start a process for the arguments and set its number."""
    arguments = inspect.signature(_execute).bind(process, *given).arguments
    if not _is_plain(arguments):
        return _execute(process, *given)
    env = arguments["env"]
    order: dict[str, Any] = {
        "module": COMMAND[-1],
        "arguments": list(map(os.fspath, arguments["args"][len(COMMAND) :])),
        "cwd": os.fspath(arguments["cwd"] or Path.cwd()),
        "environ": dict(os.environ if env is None else env),
        "umask": _umask(),
        "start_new_session": arguments["start_new_session"],
        "parent": os.getpid(),
    }
    with _lock:
        forker = _forker()
        message = json.dumps(order).encode()
        if not forker.is_like(order["environ"]) or not Path(order["cwd"]).is_dir() or len(message) > MOST_BYTES:
            return _execute(process, *given)
        names = ("p2cread", "c2pwrite", "errwrite")
        streams = [number if arguments[name] == -1 else arguments[name] for number, name in enumerate(names)]
        process.pid = forker.start(message, streams)
    process._child_created = True  # type: ignore[attr-defined]
    pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
    return process._close_pipe_fds(*(arguments[name] for name in pipes))  # type: ignore[attr-defined,no-any-return]


def _is_plain(arguments: Mapping[str, Any]) -> bool:
    """Tell if a start is one of the command, with streams, an environment and a folder at the most."""
    args = arguments["args"]
    return (
        isinstance(args, list | tuple)
        and [*args[: len(COMMAND)]] == COMMAND
        and all(arguments[name] in plain for name, plain in SPECIAL.items())
    )


def _umask() -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^Umask:\s*(\d+)$", status, re.MULTILINE)[1], 8)  # type: ignore[index]


class Forker:
    """A process that has loaded the product, and forks."""

    def __init__(self) -> None:
        self._environ = dict(os.environ)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forked", str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": ROOT},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        self._environ["PYTHONPATH"] = ROOT
        atexit.register(self.close)

    def close(self) -> None:
        """End the process; commands that still run are left alone."""
        self._socket.close()
        self._process.wait()

    def is_like(self, environ: Mapping[str, str]) -> bool:
        """Tell if what was loaded would be the same with another environment."""
        differing = dict(set(environ.items()) ^ set(self._environ.items()))
        return all(map(FREE.fullmatch, differing))

    def start(self, order: bytes, streams: list[int]) -> int:
        """Start a command, which becomes a child of this process, and return its number."""
        # Whose parent ends becomes the child of the nearest ancestor that asks for orphans.
        _adopt_orphans(True)
        try:
            socket.send_fds(self._socket, [order], streams)
            return int(self._socket.recv(64))
        finally:
            _adopt_orphans(False)


_forker = cache(Forker)


def _adopt_orphans(yes: bool) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)
