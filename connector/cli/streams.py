"""Standard streams to which writing raises no error if they are closed or full."""

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, TextIO

from connector.core.secret_registry import without_secrets

STDIN, STDOUT, STDERR = 0, 1, 2
_CLOSED = frozenset({errno.EPIPE, errno.EBADF, errno.EIO, errno.ECONNRESET, errno.ESHUTDOWN})
"""Error numbers of a pipe without a reader, a closed descriptor, and a terminal that is gone."""

STDOUT_CLOSED = "stdout is closed"
"""The error for output that was written to a stdout that had been closed before the command started."""

_write_errors: list[str] = []


def write_error() -> str | None:
    """Flush stdout; return the system's message if it could not be written, for instance to a full disk."""
    with suppress(ValueError):
        sys.stdout.flush()
    return _write_errors[0] if _write_errors else None


def protect_streams() -> None:
    """Replace stdout and stderr by streams that discard what is written once their reader is gone.

    A descriptor that is closed already is opened on /dev/null, so that no other file, such as the ledger, gets its
    number.
    """
    for descriptor in (STDIN, STDOUT, STDERR):
        _occupy(descriptor)
    if sys.stdin is None:
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115 - lasts as long as the process
    sys.stdout = _protected(sys.stdout, STDOUT)
    sys.stderr = _protected(sys.stderr, STDERR)


class _Messages(io.TextIOWrapper):
    """Stderr, to which no secret is written, not even by a stack trace. Stdout gets data, which stay as they are."""

    def write(self, text: str, /) -> int:
        """Write a text without the values of secrets."""
        super().write(without_secrets(text))
        return len(text)

    def write_as_it_is(self, text: str, /) -> None:
        """Write a text from which secrets are removed already."""
        super().write(text)


class _Stream(io.FileIO):
    """The descriptor of a standard stream."""

    def write(self, data: Any, /) -> int:
        """Write as much as the descriptor takes; discard it, and all that follows, if it takes none."""
        try:
            while (size := super().write(data)) is None:
                # A parent may have made the pipe non-blocking.
                select.select([], [self], [])
        except OSError as error:
            # A full disk is no reason to end a run; below stderr it may have room again.
            if error.errno in _CLOSED or self.fileno() != STDERR:
                _discard(self.fileno())
            if error.errno not in _CLOSED and self.fileno() == STDOUT:
                _write_errors.append(error.strerror or type(error).__name__)
            return memoryview(data).nbytes
        return size


class _ClosedStdout(_Stream):
    """The descriptor of a stdout that was closed before the command started, and leads to /dev/null now."""

    def write(self, data: Any, /) -> int:
        """Discard data, which is lost."""
        _write_errors.append(STDOUT_CLOSED)
        return super().write(data)


def _occupy(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        _discard(descriptor)


def _discard(descriptor: int) -> None:
    """Have a descriptor lead to /dev/null."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened == descriptor:
        os.set_inheritable(opened, True)
        return
    os.dup2(opened, descriptor)
    os.close(opened)


def _protected(stream: TextIO | None, descriptor: int) -> TextIO:
    kind = _Messages if descriptor == STDERR else io.TextIOWrapper
    if stream is None:
        raw = (_ClosedStdout if descriptor == STDOUT else _Stream)(descriptor, "wb", closefd=False)
        return kind(io.BufferedWriter(raw), encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper) or not _leads_to(stream, descriptor):
        return stream
    with suppress(OSError):
        stream.flush()
    raw = _Stream(descriptor, "wb", closefd=False)
    return kind(
        # Unbuffered (`python -u`), text goes straight to the descriptor.
        raw if stream.write_through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        # A sign that the terminal's encoding lacks is no reason to end a command either.
        errors="backslashreplace" if stream.errors == "strict" else stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _leads_to(stream: TextIO, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except (OSError, ValueError):
        return False
