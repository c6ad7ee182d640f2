"""A file's bytes on their way to the parser: counted, digested, and cleaned of what the parser does not know."""

import codecs
import io
import re
from hashlib import sha256
from threading import Event
from typing import IO

import numpy as np

from connector.errors import FileRefused, SourceError
from connector.files.decoding import CHUNK, Decoder, Undecodable
from connector.files.failures import reading

_BOM = codecs.BOM_UTF8
_LF, _CR = b"\n\r"
_LINE_BREAKS = (b"\n", b"\r")
_MARKS_OF_LINES = re.compile(b"(?<=[\r\n])(?:" + _BOM + b")+")
_MARKS_AT_START = re.compile(b"(?:" + _BOM + b")+")
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
            chunk = self._handle.read(CHUNK if size < 0 else size)
        self._digest.update(chunk)
        self.size += len(chunk)
        return chunk

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """As `read`, for those who bring their own room."""
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


class Text:
    """The text of a file, as bytes of UTF-8; read like a file by the parser.

    Byte order marks at the start of a line come off: they stand there where files are joined. `has_quotes` says whether
    a quotation mark has been met. Raises FileRefused, with the line, for what is not text or not as CSV is quoted,
    SourceError where the file cannot be got at.
    """

    closed = False

    def __init__(self, stored: Stored, shown: str, *, compressed: bool) -> None:
        self._shown = shown
        self._decoder = Decoder(stored, shown, compressed=compressed)
        self._waiting, self._last, self._ending, self._carried = b"", b"\n", b"", b""
        self._escaped: re.Pattern[bytes] | None = None
        self._lines, self._headers = 1, 0
        self.size = 0
        self.has_quotes = False

    def first_line(self) -> str | None:
        """Return the next line without its end, which is LF, CRLF or CR; None at the end of the file.

        Raises FileRefused for a line that is longer than a header may be.
        """
        head, chunk = self._waiting, b""
        while not _has_line(head) and len(head) <= LONGEST_HEADER and (chunk := self._next()):
            head += chunk
        line = re.match(rb"[^\r\n]*", head).group()  # type: ignore[union-attr]
        rest = head[len(line) :]
        self._waiting = rest[2:] if rest.startswith(b"\r\n") else rest[1:]
        self._headers += 1
        if len(line) > LONGEST_HEADER:
            raise FileRefused(f"{self._shown}:1: the header line is longer than {LONGEST_HEADER:,} bytes.")
        return line.decode("utf-8") if head else None

    def end_with(self, ending: bytes, delimiter: str) -> None:
        """Add a line after the file's own end. From here on quotation marks have to be doubled, not escaped."""
        self._ending = ending
        self._escaped = re.compile(rb'\\"[^"\r\n' + re.escape(delimiter.encode()) + b"]")
        self._check_quotes(self._waiting, self._headers + 1)

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes; none at the end."""
        chunk, self._waiting = self._waiting or self._next(size), b""
        if not chunk and self._ending:
            chunk, self._ending = (b"" if self._last in _LINE_BREAKS else b"\n") + self._ending, b""
        if 0 <= size < len(chunk):
            chunk, self._waiting = chunk[:size], chunk[size:]
        return chunk

    def readable(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Do nothing: the handle belongs to whoever opened it."""

    def _next(self, size: int = -1) -> bytes:
        while read := self._decoded(size):
            # A mark may be cut in two by the end of a chunk.
            chunk = self._carried + read
            cut = next((part for part in (_BOM[:2], _BOM[:1]) if chunk.endswith(part)), b"")
            chunk, self._carried = chunk[: len(chunk) - len(cut)], cut
            if chunk := self._cleaned(chunk):
                return chunk
        chunk, self._carried = self._carried, b""
        return chunk

    def _decoded(self, size: int) -> bytes:
        try:
            return self._decoder.read(size)
        except Undecodable as error:
            line = self._lines + line_breaks(error.before)
            name = error.encoding.upper().removesuffix("-LE").removesuffix("-BE")
            byte = f" (the byte 0x{error.byte:02X})" if error.byte is not None else ""
            advice = (
                "save the file as UTF-8, for instance with `iconv -f WINDOWS-1252 -t UTF-8`"
                if name == "UTF-8"
                else "its byte order mark says so; save it again as UTF-8"
            )
            raise FileRefused(f"{self._shown}:{line}: not {name} text{byte}: {advice}.") from None

    def _cleaned(self, chunk: bytes) -> bytes:
        self._check_nul(chunk)
        if b'"' in chunk:
            self.has_quotes = True
            self._check_quotes(chunk, self._lines)
        self.size += len(chunk)
        self._lines += line_breaks(chunk) - (self._last == b"\r" and chunk[:1] == b"\n")
        # A single character is found at much less cost than several.
        if _BOM[:1] in chunk and _BOM in chunk:
            chunk = self._without_marks(chunk)
        self._last = chunk[-1:] or self._last
        return chunk

    def _without_marks(self, chunk: bytes) -> bytes:
        if self._last in _LINE_BREAKS:
            chunk = _MARKS_AT_START.sub(b"", chunk, 1) if chunk.startswith(_BOM) else chunk
        return _MARKS_OF_LINES.sub(b"", chunk)

    def _check_nul(self, chunk: bytes) -> None:
        wrong = chunk.find(b"\0")
        if wrong >= 0:
            line = self._lines + line_breaks(chunk[:wrong])
            raise FileRefused(
                f"{self._shown}:{line}: a NUL byte, which text does not have: remove it, or save the file as UTF-8 if "
                "it is UTF-16 without a byte order mark."
            )

    def _check_quotes(self, chunk: bytes, line: int) -> None:
        if self._escaped and b"\\" in chunk and (wrong := self._escaped.search(chunk)):
            line += line_breaks(chunk[: wrong.start()])
            raise FileRefused(
                f"{self._shown}:{line}: a quotation mark stands behind a backslash: within quotes it is written twice."
            )


def line_breaks(text: bytes) -> int:
    """Count the line breaks: LF, CRLF and CR."""
    characters = np.frombuffer(text, np.uint8)
    feeds = characters == _LF
    count = int(np.count_nonzero(feeds))
    if b"\r" in text:
        returns = characters == _CR
        count += int(np.count_nonzero(returns) - np.count_nonzero(returns[:-1] & feeds[1:]))
    return count


def _has_line(text: bytes) -> bool:
    """Tell whether there is a whole line; behind a CR the LF may still be to come."""
    end = re.search(rb"[\r\n]", text)
    return bool(end and (end.group() == b"\n" or end.end() < len(text)))
