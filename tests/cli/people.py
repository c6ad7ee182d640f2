"""Finds plain e-mail addresses and phone numbers, however they are written, in whatever a run leaves behind."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connector.staging.storage.arrow_file import MAGIC
from connector.staging.storage.open_files import OpenFiles

SHORTEST_PHONE = 10
_AT = re.compile(r"@|\(at\)|%40| at ")
_DIGEST = re.compile("[0-9a-fA-F]{64}")
_NUMBER = re.compile(r"\d(?:[\s().+/-]{0,3}\d){9,}")


class People:
    """Identifiers of people in every form in which they must not be seen."""

    def __init__(self, identifiers: Iterable[str]) -> None:
        given = {text for text in identifiers if text.strip()}
        numbers = {text for text in given if _is_number(text)}
        written = {_unquoted(text) for text in given - numbers}
        written |= {text.strip() for text in written}
        self._texts = written | {text.lower() for text in written}
        self._numbers = {_digits(text) for text in numbers}
        self._lengths = sorted({len(number) for number in self._numbers})
        assert self._texts or self._numbers

    def found_in(self, text: str) -> list[str]:
        """The identifiers that stand in the text, quotation marks aside."""
        plain = _unquoted(text)
        near = "\n".join(plain[max(0, at - 80) : at + 80] for at in _ats(plain))
        return sorted({one for one in self._texts if one in near} | set(self._phones(plain)))

    def _phones(self, text: str) -> Iterator[str]:
        for match in _NUMBER.finditer(text):
            number = _digits(match[0])
            for length in self._lengths:
                for start in range(len(number) - length + 1):
                    if (part := number[start : start + length]) in self._numbers:
                        yield part


def is_identifier(text: str) -> bool:
    """Whether a text can name a person: no blank, no digest, no word such as `unknown`."""
    return not _DIGEST.fullmatch(text.strip()) and (_is_number(text) or bool(_AT.search(text)))


def _is_number(text: str) -> bool:
    return not _AT.search(text) and len(_digits(text)) >= SHORTEST_PHONE


def _digits(text: str) -> str:
    """The digits of a phone number, without those of its extension."""
    return "".join(str(int(letter)) for letter in text.split("ext", maxsplit=1)[0] if letter.isdecimal())


def _unquoted(text: str) -> str:
    return text.replace('"', "").replace("\\", "")


def _ats(text: str) -> Iterator[int]:
    return (match.start() for match in _AT.finditer(text))


def everything_below(folder: Path) -> str:
    """All text below a folder: the bytes of each file, and what its columns hold, since compression hides text."""
    parts: list[str] = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        content = path.read_bytes()
        parts += [str(path), content.decode("utf-8", "replace"), *map(str, _columns(path, content))]
    return "\n".join(parts)


def _columns(path: Path, content: bytes) -> Iterator[Any]:
    if content.startswith(b"SQLite format 3"):
        yield from _of_sqlite(path)
    elif content.startswith(b"PAR1"):
        yield from pq.read_table(pa.BufferReader(content)).to_pydict().values()
    elif content.startswith(MAGIC):
        with closing(OpenFiles(path.parent)) as files:
            yield from (batch.to_pydict() for batch in files.batches(path.name))


def _of_sqlite(path: Path) -> Iterator[Any]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        for (table,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            yield ledger.execute(f'SELECT * FROM "{table}"').fetchall()
