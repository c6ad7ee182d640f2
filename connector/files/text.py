"""A file's bytes on their way to the parser: counted, digested, unpacked, and held to be UTF-8."""

import codecs
import gzip
import io
import zlib
from hashlib import sha256
from threading import Event
from typing import IO

from connector.errors import FileRefused, SourceError
from connector.files.failures import reading

_BOM = codecs.BOM_UTF8
_CHUNK = 1 << 20
LONGEST_HEADER = 1 << 16
"""Bytes."""


class Stored(io.RawIOBase):
    """The bytes as they lie there, digested and counted as they are read."""

    def __init__(self, handle: IO[bytes], shown: str, stop: Event) -> None:
        self._handle, self._shown, self._stop = handle, shown, stop
        self._digest = sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """SHA-256 of what was read, in hex."""
        return self._digest.hexdigest()

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes. Raises SourceError where the file cannot be got at."""
        if self._stop.is_set():
            raise SourceError(f"{self._shown}: reading was stopped.")
        with reading(self._shown):
            chunk = self._handle.read(_CHUNK if size < 0 else size)
        self._digest.update(chunk)
        self.size += len(chunk)
        return chunk

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """As `read`, for those who bring their own room."""
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


class Text:
    """The text of a file, as bytes of UTF-8 without a byte order mark; read like a file by the parser.

    `has_quotes` says whether a quotation mark has been met. What is wrong is told with its line: raises FileRefused
    for what is not gzip or not UTF-8, SourceError where the file cannot be got at.
    """

    closed = False

    def __init__(self, stored: Stored, shown: str, *, compressed: bool) -> None:
        self._stored, self._shown = stored, shown
        packed = io.BufferedReader(stored, _CHUNK)
        self._bytes: gzip.GzipFile | Stored = gzip.GzipFile(fileobj=packed) if compressed else stored
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._waiting, self._last, self._ending = b"", b"", b""
        self._lines = 1
        self.size = 0
        self.has_quotes = False
        self._waiting = self._without_mark()

    def first_line(self) -> str:
        """The header line, without its end. Raises FileRefused where there is none."""
        head = self._waiting
        while b"\n" not in head and len(head) < LONGEST_HEADER and (chunk := self._next()):
            head += chunk
        line, _, self._waiting = head.partition(b"\n")
        if len(line) > LONGEST_HEADER:
            raise FileRefused(f"{self._shown}:1: the header line is longer than {LONGEST_HEADER:,} bytes.")
        return line.decode("utf-8").removesuffix("\r")

    def end_with(self, ending: bytes) -> None:
        """What is read after the file's own end, on a line of its own."""
        self._ending = ending

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes; none at the end."""
        chunk, self._waiting = self._waiting or self._next(size), b""
        if not chunk and self._ending:
            chunk, self._ending = (b"" if self._last in {b"", b"\n"} else b"\n") + self._ending, b""
        if 0 <= size < len(chunk):
            chunk, self._waiting = chunk[:size], chunk[size:]
        return chunk

    def readable(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Nothing to do: the handle belongs to whoever opened it."""

    def _without_mark(self) -> bytes:
        head = b""
        while len(head) < len(_BOM) and (chunk := self._next()):
            head += chunk
        return head.removeprefix(_BOM)

    def _next(self, size: int = -1) -> bytes:
        try:
            chunk = self._bytes.read(_CHUNK if size < 0 else size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FileRefused(f"{self._shown} is no gzip, or not all of one: {error}.".replace("..", ".")) from None
        self._check(chunk)
        self.size += len(chunk)
        self._lines += chunk.count(b"\n")
        self._last = chunk[-1:] or self._last
        self.has_quotes = self.has_quotes or b'"' in chunk
        return chunk

    def _check(self, chunk: bytes) -> None:
        try:
            self._decoder.decode(chunk, final=not chunk)
            wrong = chunk.find(b"\0")
        except UnicodeDecodeError as error:
            wrong = max(0, error.start)
        if wrong >= 0:
            line = self._lines + chunk[:wrong].count(b"\n")
            raise FileRefused(f"{self._shown}:{line}: not UTF-8 text; write the file as UTF-8.")
