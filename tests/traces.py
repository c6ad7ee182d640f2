"""Search folders for marked texts, in every form in which a program may have written them.

Made for folders of programs that keep data in ways of their own: logs, pickles, spilled objects, Arrow and Parquet
files, archives. Mark identifiers and tokens with texts that stand nowhere else, such as `marker`.
"""

import base64
import gzip
import io
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

_AT_ONCE = 16 << 20
_LONGEST_PACKED = 256 << 20
"""Larger files are searched as they are, but not unpacked."""
_PACKED = {b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"\x1f\x8b": "gzip", b"BZh": "bz2"}


@dataclass(frozen=True, slots=True)
class Trace:
    """A place at which a marked text was found."""

    path: Path
    """The file, or the folder that is named so."""
    text: str
    """The text."""
    form: str
    """Its spelling."""


def marker(word: str = "mark") -> str:
    """Return a text of letters that stands nowhere else, to put into an e-mail address, a name or a token."""
    return word + token_hex(8).translate(str.maketrans("0123456789", "ghijklmnop"))


class Marks:
    """Marked texts: any, or numbers of eight digits or more, which are found as integers too."""

    def __init__(self, *texts: str) -> None:
        self._forms = {form: (text, name) for text in texts for form, name in _forms(text)}
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first)))
        self._overlap = max(map(len, self._forms))

    def traces(self, *places: Path) -> list[Trace]:
        """Return the traces in these files and everything below these folders; links are not followed."""
        return sorted({trace for place in places for trace in self._below(place)}, key=str)

    def _below(self, place: Path) -> Iterator[Trace]:
        for path in [place, *place.rglob("*")] if place.is_dir() else [place]:
            if path is not place:
                yield from self._in(path, path.name.encode(errors="surrogateescape"))
            # Files of running programs come and go.
            with suppress(FileNotFoundError):
                if stat.S_ISREG(path.lstat().st_mode):
                    yield from self._in_file(path)

    def _in_file(self, path: Path) -> Iterator[Trace]:
        with path.open("rb") as file:
            end = b""
            while chunk := file.read(_AT_ONCE):
                window = end + chunk
                yield from self._in(path, window)
                end = window[-self._overlap :]
        if path.stat().st_size <= _LONGEST_PACKED:
            for content in _unpacked(path.read_bytes()):
                yield from self._in(path, content)

    def _in(self, path: Path, content: bytes) -> Iterator[Trace]:
        for match in {match[0] for match in self._pattern.finditer(content)}:
            yield Trace(path, *self._forms[match])


def _forms(text: str) -> Iterator[tuple[bytes, str]]:
    for written in dict.fromkeys((text, text.lower(), text.upper())):
        content = written.encode()
        yield content, "text"
        yield written.encode("utf-16-le"), "UTF-16"
        yield content[::-1], "reversed"
        yield content.hex().encode(), "hex"
        yield content.hex().upper().encode(), "hex"
        yield quote(written, safe="").encode(), "percent-encoded"
        for form in _in_base64(content):
            yield form, "base64"
    if text.isdecimal() and len(text) >= 8:
        for order in ("little", "big"):
            yield int(text).to_bytes(8, order), "integer"


def _in_base64(content: bytes) -> Iterator[bytes]:
    """Yield what a text looks like within a longer one that is encoded, at each of the three offsets."""
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(bytes(before) + content)
            # The characters at both ends depend on what is around.
            yield encoded[(before * 8 + 5) // 6 : (before + len(content)) * 8 // 6]


def _unpacked(content: bytes) -> Iterable[bytes]:
    """Yield what is in a file that is compressed, or has compressed parts."""
    with suppress(pa.ArrowException, OSError, zipfile.BadZipFile, EOFError, ValueError):
        if content.startswith(b"PAR1"):
            return [repr(pq.read_table(pa.BufferReader(content)).to_pydict()).encode()]
        if content.startswith(b"ARROW1"):
            return [repr(pa.ipc.open_file(content).read_all().to_pydict()).encode()]
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return [archive.read(name) for name in archive.namelist()]
        return _decompressed(content)
    return []


def _decompressed(content: bytes) -> list[bytes]:
    for start, codec in _PACKED.items():
        if content.startswith(start):
            if codec == "gzip":
                return [gzip.decompress(content)]
            return [pa.CompressedInputStream(pa.BufferReader(content), codec).read()]
    return []
