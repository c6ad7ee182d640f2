"""The bytes of a file on their way to the parser: counted, digested, and normalised for the parser."""

import codecs
import io
import re
from hashlib import sha256
from threading import Event
from typing import IO

import numpy as np

from connector.errors import FileRefused, SourceError
from connector.files.decoder import CHUNK_BYTES, DecodeError, Decoder
from connector.files.file_errors import translate_errors

BOM = codecs.BOM_UTF8
_LF, _CR = b"\n\r"
_LINE_BREAKS = (b"\n", b"\r")
_MARKS_OF_LINES = re.compile(b"(?<=[\r\n])(?:" + BOM + b")+")
_MARKS_AT_START = re.compile(b"(?:" + BOM + b")+")
MAX_HEADER_BYTES = 1 << 16
"""Bytes."""


class DigestingReader(io.RawIOBase):
    """The stored bytes, digested and counted as they are read."""

    def __init__(self, handle: IO[bytes], display_name: str, stop: Event) -> None:
        self._handle, self._display_name, self._stop = handle, display_name, stop
        self._digest = sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """The SHA-256 of what was read, in hex."""
        return self._digest.hexdigest()

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes. Raises SourceError if the file cannot be read."""
        if self._stop.is_set():
            raise SourceError(f"{self._display_name}: reading was stopped.")
        with translate_errors(self._display_name):
            chunk = self._handle.read(CHUNK_BYTES if size < 0 else size)
        self._digest.update(chunk)
        self.size += len(chunk)
        return chunk

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Read into a buffer."""
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


class RangeReader(io.RawIOBase):
    """The stored bytes from one offset to another one, or to the end of the file."""

    def __init__(self, handle: IO[bytes], display_name: str, stop: Event, start: int, end: int | None) -> None:
        self._handle, self._display_name, self._stop = handle, display_name, stop
        self._rest = None if end is None else end - start
        with translate_errors(display_name):
            handle.seek(start)

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes. Raises SourceError if the file cannot be read."""
        if self._stop.is_set():
            raise SourceError(f"{self._display_name}: reading was stopped.")
        size = CHUNK_BYTES if size < 0 else size
        with translate_errors(self._display_name):
            chunk = self._handle.read(size if self._rest is None else min(size, self._rest))
        if self._rest is not None:
            self._rest -= len(chunk)
        return chunk


class TextReader:
    """The text of a file as UTF-8 bytes, which the parser reads like a file.

    Byte order marks at the start of a line are removed: joined files have them there. `has_quotes` tells whether a
    quotation mark was met. A `first_line` other than 1 is that of a part of a file of UTF-8. Raises FileRefused, with
    the line, for invalid text or quoting, SourceError if the file cannot be read.
    """

    closed = False

    def __init__(self, raw_file: io.RawIOBase, display_name: str, *, compressed: bool, first_line: int = 1) -> None:
        self._display_name = display_name
        self._decoder = Decoder(raw_file, display_name, compressed=compressed, is_start=first_line == 1)
        self._pending, self._last, self._ending, self._partial_mark = b"", b"\n", b"", b""
        self._last_two = b""
        self._escaped_quote: re.Pattern[bytes] | None = None
        self._lines, self._headers = first_line, first_line - 1
        self.size = 0
        self.has_quotes = False

    @property
    def encoding(self) -> str:
        """The encoding that the file's byte order mark announces, or UTF-8."""
        return self._decoder.encoding

    def read_line(self) -> str | None:
        """Return the next line without its end, which is LF, CRLF or CR; None at the end of the file.

        Raises FileRefused for a line that is longer than a header may be.
        """
        head, chunk = self._pending, b""
        while not _has_line(head) and len(head) <= MAX_HEADER_BYTES and (chunk := self._next_chunk()):
            head += chunk
        line = re.match(rb"[^\r\n]*", head).group()  # type: ignore[union-attr]
        rest = head[len(line) :]
        self._pending = rest[2:] if rest.startswith(b"\r\n") else rest[1:]
        self._headers += 1
        if len(line) > MAX_HEADER_BYTES:
            raise FileRefused(f"{self._display_name}:1: the header line is longer than {MAX_HEADER_BYTES:,} bytes.")
        return line.decode("utf-8") if head else None

    def end_with(self, ending: bytes, delimiter: str) -> None:
        """Add a line after the file's own end. From now on quotation marks have to be doubled, not escaped."""
        self._ending = ending
        self._escaped_quote = re.compile(rb'\\"[^"\r\n' + re.escape(delimiter.encode()) + b"]")
        self._check_quotes(self._pending, self._headers + 1)

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes; none at the end."""
        chunk, self._pending = self._pending or self._next_chunk(size), b""
        if self._ending and b"\n" not in chunk:
            # The parser refuses a row that does not end in the block after the one in which it begins.
            following = self._next_chunk(size) if chunk else b""
            chunk += following or self._take_ending()
        if 0 <= size < len(chunk):
            chunk, self._pending = chunk[:size], chunk[size:]
        return chunk

    def readable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Do nothing: the handle belongs to whoever opened it."""

    def _take_ending(self) -> bytes:
        ending, self._ending = (b"" if self._last in _LINE_BREAKS else b"\n") + self._ending, b""
        return ending

    def _next_chunk(self, size: int = -1) -> bytes:
        while decoded := self._decode(size):
            # A mark may be cut in two by the end of a chunk.
            chunk = self._partial_mark + decoded
            cut = next((part for part in (BOM[:2], BOM[:1]) if chunk.endswith(part)), b"")
            chunk, self._partial_mark = chunk[: len(chunk) - len(cut)], cut
            if chunk := self._clean(chunk):
                return chunk
        chunk, self._partial_mark = self._partial_mark, b""
        return chunk

    def _decode(self, size: int) -> bytes:
        try:
            return self._decoder.read(size)
        except DecodeError as error:
            line = self._lines + line_breaks(error.before)
            name = error.encoding.upper().removesuffix("-LE").removesuffix("-BE")
            byte = f" (the byte 0x{error.byte:02X})" if error.byte is not None else ""
            advice = (
                "save the file as UTF-8, for instance with `iconv -f WINDOWS-1252 -t UTF-8`"
                if name == "UTF-8"
                else "its byte order mark says so; save it again as UTF-8"
            )
            raise FileRefused(f"{self._display_name}:{line}: not {name} text{byte}: {advice}.") from None

    def _clean(self, chunk: bytes) -> bytes:
        self._check_nul(chunk)
        # Where two chunks meet, so that it does not matter where they do.
        self._check_quotes(self._last_two + chunk[:2], self._lines)
        self._last_two = (self._last_two + chunk[-2:])[-2:]
        if b'"' in chunk:
            self.has_quotes = True
            self._check_quotes(chunk, self._lines)
        self.size += len(chunk)
        self._lines += line_breaks(chunk) - (self._last == b"\r" and chunk[:1] == b"\n")
        # Searching for a single byte is much cheaper than for several.
        if BOM[:1] in chunk and BOM in chunk:
            chunk = self._remove_marks(chunk)
        self._last = chunk[-1:] or self._last
        return chunk

    def _remove_marks(self, chunk: bytes) -> bytes:
        if self._last in _LINE_BREAKS:
            chunk = _MARKS_AT_START.sub(b"", chunk, 1) if chunk.startswith(BOM) else chunk
        return _MARKS_OF_LINES.sub(b"", chunk)

    def _check_nul(self, chunk: bytes) -> None:
        position = chunk.find(b"\0")
        if position >= 0:
            line = self._lines + line_breaks(chunk[:position])
            raise FileRefused(
                f"{self._display_name}:{line}: a NUL byte, which text does not have: remove it, or save the file as "
                "UTF-8 if it is UTF-16 without a byte order mark."
            )

    def _check_quotes(self, chunk: bytes, line: int) -> None:
        if self._escaped_quote and b"\\" in chunk and (match := self._escaped_quote.search(chunk)):
            line += line_breaks(chunk[: match.start()])
            raise FileRefused(
                f"{self._display_name}:{line}: a quotation mark follows a backslash: within quotes, write it twice."
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
    """Test for a complete line; after a CR the LF may still be to come."""
    end = re.search(rb"[\r\n]", text)
    return bool(end and (end.group() == b"\n" or end.end() < len(text)))
