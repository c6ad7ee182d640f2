"""Decoding of a file to UTF-8 bytes: from gzip, UTF-16 and UTF-32."""

import codecs
import gzip
import io
import zlib
from typing import Protocol

from connector.errors import FileRefused

CHUNK_BYTES = 1 << 20
_SIGNATURE_BYTES = 8
"""Bytes at the start of a file that tell its kind."""

_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""By byte order mark; that of UTF-32 starts with that of UTF-16, so it comes first."""

_SIGNATURES = (
    (b"\x1f\x8b", "gzip data", "give it a name that ends in .gz"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", "save it as CSV"),
    (b"PAR1\x15", "Parquet data", "write it as CSV"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "unpack it, or pack it with gzip"),
    (b"\xfd7zXZ\x00", "xz data", "unpack it, or pack it with gzip"),
)


class ByteReader(Protocol):
    """A reader from start to end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes, none at the end."""


class DecodeError(Exception):
    """Bytes that are invalid in the encoding; `before` is the text of the chunk before them."""

    def __init__(self, encoding: str, before: bytes, byte: int | None) -> None:
        self.encoding, self.before, self.byte = encoding, before, byte
        super().__init__(encoding)


class Decoder:
    """Reads UTF-8 from a file in any encoding that a byte order mark announces, and removes marks at its start.

    Without `is_start`, it is a part of a file of UTF-8. Raises FileRefused for damaged gzip and for files of another
    kind, DecodeError for invalid bytes.
    """

    def __init__(self, raw_file: io.RawIOBase, display_name: str, *, compressed: bool, is_start: bool = True) -> None:
        self._display_name = display_name
        self._bytes: ByteReader = (
            gzip.GzipFile(fileobj=io.BufferedReader(raw_file, CHUNK_BYTES)) if compressed else raw_file
        )
        self._read_any = False
        self._pending = self._read_signature() if is_start else b""
        self.encoding = next((name for mark, name in _ENCODINGS if self._pending.startswith(mark)), "utf-8")
        if is_start:
            self._check_signature()
        self._decoder = codecs.getincrementaldecoder(self.encoding)()

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes, counted before decoding; none at the end."""
        raw = self._pending or self._read_chunk(size)
        self._pending = b""
        try:
            text = self._decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self.encoding, "replace").encode()
            raise DecodeError(self.encoding, before, error.object[error.start]) from None
        # UTF-8 that was validated need not be encoded again.
        return raw if self.encoding == "utf-8" else self._encode(raw, text)

    def _encode(self, raw: bytes, text: str) -> bytes:
        try:
            encoded = text.encode()
        except UnicodeEncodeError as error:
            raise DecodeError(self.encoding, text[: error.start].encode(), None) from None
        return encoded or (self.read() if raw else b"")

    def _read_signature(self) -> bytes:
        head = b""
        while len(head) < _SIGNATURE_BYTES and (chunk := self._read_chunk()):
            head += chunk
        return head

    def _check_signature(self) -> None:
        for start, kind, advice in _SIGNATURES:
            if self._pending.startswith(start):
                raise FileRefused(f"{self._display_name} holds {kind}, not delimited text: {advice}.")

    def _read_chunk(self, size: int = -1) -> bytes:
        try:
            chunk = self._bytes.read(CHUNK_BYTES if size < 0 else size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FileRefused(f"{self._display_name} is not a complete gzip file: {self._reason(error)}.") from None
        self._read_any = self._read_any or bool(chunk)
        return chunk

    def _reason(self, error: Exception) -> str:
        if isinstance(error, EOFError):
            return "it ends too early; copy or export it again"
        if isinstance(error, gzip.BadGzipFile) and not self._read_any and "Not a gzipped" in str(error):
            return "its content is not gzip; pack it, or give it a name without .gz"
        return "its content is damaged; copy or export it again"
