"""A program in place of the product, for tests of how it is started; it loads little, as it is loaded anew a dozen times."""

import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

TRAITS = ("mode", "name", "encoding", "errors", "newlines", "line_buffering", "write_through")


def state() -> dict[str, Any]:
    """Return what a process finds when it starts."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return {
        "arguments": [sys.argv, sys.orig_argv, sys.path, sys.modules["__main__"].__file__],
        "interpreter": [str(sys.flags), sys.warnoptions],
        "streams": [[str(getattr(one, trait)) for trait in TRAITS] + [str(type(one.buffer))] for one in streams],
        "terminals": [one.isatty() for one in streams],
        "environment": [dict(os.environ), Path.cwd().as_posix(), time.tzname, time.localtime(0)[:6]],
        "signals": [str(signal.getsignal(one)) for one in sorted(signal.Signals)],
        "process": [os.umask(0), os.getsid(0) == os.getpid(), os.getppid(), threading.active_count()],
        "descriptors": [number for number in range(200) if Path(f"/proc/self/fd/{number}").exists()],
        "limits": [resource.getrlimit(number) for number in range(10)],
    }


def main(what: str) -> None:
    """Behave as the first argument says."""
    if what == "state":
        Path(sys.argv[2]).write_text(json.dumps(state()))
        return
    if what == "echo":
        print(sys.stdin.read().upper())
        sys.exit(7)
    if what == "fail":
        raise ValueError(what)
    print(os.getpid(), flush=True)
    time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1])
