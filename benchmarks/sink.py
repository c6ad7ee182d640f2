"""A server in a process of its own that reads requests and acknowledges them, and does nothing else.

It takes any number of keep-alive connections, copies each body out of the socket into one buffer that is
used again, and answers as TikTok does when it has taken everything. Asked about a destination, it says what TikTok says
to a token made in Events Manager: that it may not ask. A GET of its root gives what it counted so far.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_BUFFER_BYTES = 1 << 18
_END_OF_HEAD = b"\r\n\r\n"
_EVENT = b'{"event":'
_NOT_PERMITTED = b'{"code":40001,"message":"No permission.","request_id":"0","data":{}}'
_BODY = b'{"code":0,"message":"OK","request_id":"0","data":{}}'


@dataclass(frozen=True, slots=True)
class Totals:
    """What a sink has taken: requests, bytes of bodies, the events in them, and the CPU seconds it needed.

    `first_at` is when the first request reached it, on the clock that all processes share.
    """

    requests: int
    body_bytes: int
    events: int
    cpu_seconds: float
    first_at: float | None = None


@dataclass(frozen=True, slots=True)
class Sink:
    """A sink that runs."""

    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def totals(self) -> Totals:
        """What it has taken since it was started."""
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.url) as answer:
            return Totals(**json.load(answer))


@contextmanager
def running_sink(*, count_events: bool = False, delay: float = 0.0) -> Iterator[Sink]:
    """Starts a sink and ends it afterwards. Counting events costs it time, so it is off for what is timed.

    It answers `delay` seconds after a request has come in whole, as a service far away does.
    """
    command = [sys.executable, "-m", "benchmarks.sink", "--delay", str(delay)]
    command += ["--count-events"] if count_events else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield Sink(int(line))
        finally:
            process.terminate()


class _Counts:
    def __init__(self, *, count_events: bool, delay: float) -> None:
        self.requests = self.body_bytes = self.events = 0
        self.first_at: float | None = None
        self.count_events, self.delay = count_events, delay
        self.buffer = bytearray(_BUFFER_BYTES)

    def as_json(self) -> bytes:
        totals = {"requests": self.requests, "body_bytes": self.body_bytes, "events": self.events}
        return json.dumps(totals | {"cpu_seconds": time.process_time(), "first_at": self.first_at}).encode()


class _Connection(asyncio.BufferedProtocol):
    """One connection. All share one buffer: nothing stays in it between two calls."""

    def __init__(self, counts: _Counts) -> None:
        self._counts = counts
        self._head = b""
        self._left = 0
        self._before = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's own signature
        return self._counts.buffer

    def buffer_updated(self, nbytes: int) -> None:
        position = 0
        while position < nbytes:
            if self._left:
                position += self._read_body(position, nbytes)
            else:
                self._head += self._counts.buffer[position:nbytes]
                position = nbytes - self._read_head()

    def _read_head(self) -> int:
        """Gives how many bytes at the end do not belong to the head; they are read again."""
        head, end, rest = self._head.partition(_END_OF_HEAD)
        if not end:
            return 0
        self._head = b""
        length = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"0")
        self._left = int(length)
        if self._left:
            self._counts.first_at = self._counts.first_at or time.monotonic()
        else:
            self._answer(self._counts.as_json() if head.startswith(b"GET / ") else _NOT_PERMITTED)
        return len(rest)

    def _read_body(self, start: int, end: int) -> int:
        taken = min(self._left, end - start)
        self._left -= taken
        self._counts.body_bytes += taken
        if self._counts.count_events:
            self._count_events(self._counts.buffer[start : start + taken])
        if not self._left:
            self._counts.requests += 1
            self._before = b""
            self._acknowledge()
        return taken

    def _count_events(self, piece: bytearray) -> None:
        text = self._before + piece
        self._counts.events += text.count(_EVENT)
        self._before = text[1 - len(_EVENT) :]

    def _acknowledge(self) -> None:
        if self._counts.delay:
            asyncio.get_running_loop().call_later(self._counts.delay, self._answer, _BODY)
        else:
            self._answer(_BODY)

    def _answer(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


async def _serve(counts: _Counts) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(counts), "127.0.0.1", 0, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _counts_as_asked() -> _Counts:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count-events", action="store_true")
    parser.add_argument("--delay", type=float, default=0.0)
    return _Counts(**vars(parser.parse_args()))


if __name__ == "__main__":
    asyncio.run(_serve(_counts_as_asked()))
