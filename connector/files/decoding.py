"""The content of a file as UTF-8 bytes: unpacked from gzip, transcoded from UTF-16 and UTF-32."""

import codecs
import gzip
import io
import zlib
from typing import Protocol

from connector.errors import FileRefused

CHUNK = 1 << 20
_HEAD = 8
"""Bytes that tell one kind of file from another."""

_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""By byte order mark; that of UTF-32 begins with that of UTF-16, and comes first."""

_OTHER_KINDS = (
    (b"\x1f\x8b", "gzip data", "give it a name that ends in .gz"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", "save it as CSV"),
    (b"PAR1\x15", "Parquet data", "write it as CSV"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "unpack it, or pack it with gzip"),
    (b"\xfd7zXZ\x00", "xz data", "unpack it, or pack it with gzip"),
)


class Bytes(Protocol):
    """Something that is read from its start to its end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes, none at the end."""


class Undecodable(Exception):
    """Bytes that are not text in the encoding; `before` is the text of the chunk that could be read."""

    def __init__(self, encoding: str, before: bytes, byte: int | None) -> None:
        self.encoding, self.before, self.byte = encoding, before, byte
        super().__init__(encoding)


class Decoder:
    """Reads UTF-8 from a file in any of the encodings that a byte order mark announces. Marks at its start come off.

    Raises FileRefused for damaged gzip and for files of another kind, Undecodable for bytes that are not text.
    """

    def __init__(self, stored: io.RawIOBase, shown: str, *, compressed: bool) -> None:
        self._shown = shown
        self._bytes: Bytes = gzip.GzipFile(fileobj=io.BufferedReader(stored, CHUNK)) if compressed else stored
        self._read_any = False
        self._waiting = self._head()
        self.encoding = next((name for mark, name in _ENCODINGS if self._waiting.startswith(mark)), "utf-8")
        self._refuse_other_kinds()
        self._decoder = codecs.getincrementaldecoder(self.encoding)()

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes before they are decoded, none at the end."""
        raw = self._waiting or self._raw(size)
        self._waiting = b""
        try:
            text = self._decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self.encoding, "replace").encode()
            raise Undecodable(self.encoding, before, error.object[error.start]) from None
        # What was held to be UTF-8 need not be encoded again.
        return raw if self.encoding == "utf-8" else self._encoded(raw, text)

    def _encoded(self, raw: bytes, text: str) -> bytes:
        try:
            encoded = text.encode()
        except UnicodeEncodeError as error:
            raise Undecodable(self.encoding, text[: error.start].encode(), None) from None
        return encoded or (self.read() if raw else b"")

    def _head(self) -> bytes:
        head = b""
        while len(head) < _HEAD and (chunk := self._raw()):
            head += chunk
        return head

    def _refuse_other_kinds(self) -> None:
        for start, what, advice in _OTHER_KINDS:
            if self._waiting.startswith(start):
                raise FileRefused(f"{self._shown} holds {what}, not delimited text: {advice}.")

    def _raw(self, size: int = -1) -> bytes:
        try:
            chunk = self._bytes.read(CHUNK if size < 0 else size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FileRefused(f"{self._shown} is not a complete gzip file: {self._reason(error)}.") from None
        self._read_any = self._read_any or bool(chunk)
        return chunk

    def _reason(self, error: Exception) -> str:
        if isinstance(error, EOFError):
            return "it ends too early; copy or export it again"
        if isinstance(error, gzip.BadGzipFile) and not self._read_any and "Not a gzipped" in str(error):
            return "its content is not gzip; pack it, or give it a name without .gz"
        return "its content is damaged; copy or export it again"
