"""Division of files among tasks: whole files first, then parts of the large ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

from connector.core.split_plan import SplitPlace, SplitPlan
from connector.errors import SourceError
from connector.files.file_address import display_path, is_packed
from connector.files.file_reader import Division, FilePart, FileReader
from connector.files.file_store import FileInfo

SMALLEST_BYTES = 8 << 20
"""Bytes of a split, at least."""

_PACKED_WEIGHT = 6
"""The factor by which a packed byte takes longer than another one."""


@dataclass(frozen=True, slots=True)
class _WeighedPart:
    """A part of a file, and how long it takes to read."""

    entry: Mapping[str, Any]
    middle: float
    """The weight of everything before the middle of the part."""


def divide_files(
    files: Sequence[FileInfo], reader: FileReader, directory: Path, wanted: int, smallest: int = SMALLEST_BYTES
) -> SplitPlan:
    """Divide files, in their order, into about so many splits; no files into none. Raises as the reader does."""
    total = sum(map(_weight, files))
    target = max(total / wanted, smallest, 1)
    divisions = [_divided(file, reader, round(_weight(file) / target)) for file in files]
    count = max(1, round(total / target))
    parts = list(_weighed(files, divisions, directory))
    groups = groupby(parts, lambda part: int(part.middle * count / total) if total else 0)
    places = [{"files": [part.entry for part in group]} for _, group in groups]
    return SplitPlan(places, is_lasting=True, note=_note(files, divisions) if len(places) == 1 else None)


def path_digest(path: str, directory: Path) -> str:
    """Return what stands for a path in a place: its folders may name persons, and its address a password."""
    return sha256(display_path(path, directory).encode()).hexdigest()[:32]


def are_places_of(files: Sequence[FileInfo], directory: Path, places: Sequence[SplitPlace]) -> bool:
    """Test whether places are those of these files, as they are now."""
    known = {(entry["path"], entry["version"]) for place in places for entry in place["files"]}
    return known == {(path_digest(file.path, directory), file.version) for file in files}


def parts_at(place: SplitPlace, files: Sequence[FileInfo], directory: Path) -> list[tuple[FileInfo, FilePart]]:
    """Return the files of a place, and the part of each. Raises SourceError if one is gone or has changed since."""
    by_digest = {path_digest(file.path, directory): file for file in files}
    return [_part_at(entry, by_digest.get(entry["path"])) for entry in place["files"]]


def _part_at(entry: Mapping[str, Any], file: FileInfo | None) -> tuple[FileInfo, FilePart]:
    if file is None or file.version != entry["version"]:
        raise SourceError(
            f"{entry['name']} {'is gone' if file is None else 'changed'} since the files were divided among tasks: "
            "nothing was sent. Run it again when the file is complete."
        )
    return file, entry["part"]


def _divided(file: FileInfo, reader: FileReader, parts: int) -> Division:
    return reader.divide(file, parts) if parts > 1 else Division()


def _weighed(files: Sequence[FileInfo], divisions: Sequence[Division], directory: Path) -> Iterator[_WeighedPart]:
    before = 0.0
    for file, division in zip(files, divisions, strict=True):
        weight = _weight(file) / len(division.parts)
        named = {"path": path_digest(file.path, directory), "name": file.display_name, "version": file.version}
        for part in division.parts:
            yield _WeighedPart({**named, "part": part}, before + weight / 2)
            before += weight


def _weight(file: FileInfo) -> int:
    return file.size * (_PACKED_WEIGHT if is_packed(file.path) else 1)


def _note(files: Sequence[FileInfo], divisions: Sequence[Division]) -> str:
    """Return why files are one split."""
    obstacle = next((division.obstacle for division in divisions if division.obstacle), None)
    if len(files) == 1 and obstacle:
        return f"{files[0].display_name} is read by one task: {obstacle}."
    return "The result is read by one task: the files are too small to divide."
