"""Proposed changes of a project's files: what they would read, checked before anything is written."""

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from connector.config.nodes import Path as NodePath
from connector.config.project_files import FILE, copy_project_files
from connector.config.yaml import parse_content
from connector.core.disk import make_private_folder
from connector.editing.marked_text import CannotSplice, MarkedText
from connector.editing.splice import REMOVED, Edit, splice
from connector.errors import ConfigurationError, Problem
from connector.inspection.validate import validate_project

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class FileVersion:
    """The project file as it was read."""

    content: bytes
    digest: str = field(init=False)
    """The SHA-256 of its content, in hexadecimal."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.sha256(self.content).hexdigest())

    @cached_property
    def data(self) -> Any:
        """Its values. Raises ConfigurationError if it is not YAML."""
        return _data(self.content)


@dataclass(frozen=True)
class Proposal:
    """Files as they would read."""

    before: FileVersion
    after: FileVersion
    edits: tuple[Edit, ...] = ()
    new_files: Mapping[str, bytes] = field(default_factory=dict)
    """Files to add, by their paths below the project's folder, as `queries/returns.sql`."""

    @cached_property
    def diff(self) -> str:
        """A unified diff of every file that would be changed or added."""
        changed = diff_text(self.before.content, self.after.content)
        return "".join([changed, *(diff_text(b"", content, name) for name, content in sorted(self.new_files.items()))])


def read_file(directory: Path) -> FileVersion:
    """Read the project file. Raises ConfigurationError if it cannot be read."""
    try:
        return FileVersion((directory / FILE).read_bytes())
    except OSError as error:
        raise ConfigurationError([Problem(f"The file cannot be read: {error.strerror}.", directory / FILE)]) from error


def propose(before: FileVersion, edits: Sequence[Edit], new_files: Mapping[str, bytes] | None = None) -> Proposal:
    """Return the file with the edits made, if only the lines and the values that they are about have changed.

    Raises CannotSplice if others would have, ConfigurationError if the file is not YAML.
    """
    mark = _BOM if before.content.startswith(_BOM) else b""
    text = before.content.removeprefix(_BOM).decode("utf-8", "strict") if before.data is not None else ""
    try:
        spliced = splice(text, edits)
        after = FileVersion(mark + spliced.encode())
        changed = after.data
    except (yaml.YAMLError, ConfigurationError) as error:
        raise CannotSplice(_line(text, edits)) from error
    if changed != _edited(before.data, edits) or _has_other_lines(text, spliced, edits):
        raise CannotSplice(_line(text, edits))
    return Proposal(before, after, tuple(edits), dict(new_files or {}))


@contextmanager
def copy_with(directory: Path, proposal: Proposal) -> Iterator[Path]:
    """Yield a folder with the project's files as they would be, for `load_project(…, config_directory=)`."""
    with TemporaryDirectory(prefix="connector-") as folder:
        copy = Path(folder)
        copy_project_files(directory, copy)
        for name, content in {FILE: proposal.after.content, **proposal.new_files}.items():
            make_private_folder((copy / name).parent)
            (copy / name).write_bytes(content)
        yield copy


def find_problems(directory: Path, environ: Mapping[str, str], proposal: Proposal) -> list[Problem]:
    """Return what `connector validate` finds wrong in the project as it would be, and not in the project as it is."""
    known = {(one.message, one.rule) for one in validate_project(directory, environ).problems}
    with copy_with(directory, proposal) as copy:
        found = validate_project(directory, environ, config_directory=copy).problems
    new = (one for one in found if (one.message, one.rule) not in known)
    return [replace(one, file=one.file and directory / one.file.relative_to(copy)) for one in new]


def _data(content: bytes) -> Any:
    document, problems = parse_content(content, Path(FILE))
    if document is None or problems:
        raise ConfigurationError(problems)
    return document.data


def _edited(data: Any, edits: Sequence[Edit]) -> Any:
    """Return the values with the edits made, by which the spliced text is checked."""
    for edit in edits:
        data = _with(data, edit.path, edit.value)
    return data


def _with(data: Any, path: NodePath, value: Any) -> Any:
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(data, list) and isinstance(key, int):
        if not rest and value is REMOVED:
            return [item for at, item in enumerate(data) if at != key]
        return [_with(item, rest, value) if at == key else item for at, item in enumerate(data)]
    entries = dict(data) if isinstance(data, dict) else {}
    if not rest and value is REMOVED:
        entries.pop(str(key), None)
        return entries
    return {**entries, key: _with(entries.get(str(key)), rest, value)}


def _has_other_lines(before: str, after: str, edits: Sequence[Edit]) -> bool:
    """Return true if a line was changed or deleted that is not one of an edited value, nor reads like one."""
    lines = before.splitlines(keepends=True)
    own = {lines[number - 1] for number in _lines_of(before, edits)}
    return any(line not in own for line in _lost_lines(lines, after.splitlines(keepends=True)))


def _lost_lines(before: list[str], after: list[str]) -> Iterator[str]:
    """Yield the lines that are no longer there; an end that is added to the last line is no change."""
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if kind in ("replace", "delete"):
            there = {line.rstrip("\r\n") for line in after[new_start:new_end]}
            yield from (before[at] for at in range(start, end) if at + 1 < len(before) or before[at] not in there)


def _lines_of(text: str, edits: Sequence[Edit]) -> set[int]:
    marked = MarkedText(text)
    lines = {line for edit in edits for line in marked.lines_of(edit.path)}
    # The only entry of a mapping cannot be removed without a trace at the key of the mapping.
    return lines | {
        line for edit in edits if edit.value is REMOVED for line in list(marked.lines_of(edit.path[:-1]))[:1]
    }


def _line(text: str, edits: Sequence[Edit]) -> int:
    marked = MarkedText(text)
    lines = [
        line for edit in edits for size in range(len(edit.path), 0, -1) for line in marked.lines_of(edit.path[:size])
    ]
    return lines[0] if lines else 1


def diff_text(before: bytes, after: bytes, name: str = FILE) -> str:
    """Return a unified diff of a file, with one line around each change; `before` is empty for a new file."""
    old, new = (content.decode("utf-8", "replace").splitlines(keepends=True) for content in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{name}" if before else "/dev/null", f"b/{name}", n=1)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
