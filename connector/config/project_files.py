"""Files of a project: queries and data templates by name, and the files that no output may replace."""

import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from shutil import copyfile

from connector.config.nodes import Node
from connector.config.problems import ProblemList
from connector.core.disk import make_private_file, make_private_folder
from connector.errors import Rule

FILE = "orchestrations.yaml"
_OTHER_NAME = re.compile(r"(?i:orchestrations?\.(?:ya?ml|json))")
FOLDERS = ("queries", "templates")
TESTS = "tests"
"""The folder of tests of queries, which may hold other files too."""
BUILT_IN_TEMPLATES = frozenset({"tiktok_events", "tiktok_audience"})
LARGEST_QUERY = 1 << 20
"""Bytes of a file that holds a query."""
_SQL = re.compile(r"\s*(?:--[^\n]*\n\s*)*\(?\s*(?:select\s|with\s.*\bas\b.*\()", re.IGNORECASE | re.DOTALL)
_KINDS = {"query": ("queries", "sql"), "template": ("templates", "ya?ml")}
_DATABASE_SUFFIXES = (".wal", "-wal", "-shm", "-journal")


def project_files(directory: Path) -> Iterator[Path]:
    """Yield the project file, and each file in the folders of queries and templates."""
    yield directory / FILE
    for folder in FOLDERS:
        yield from sorted(path for path in (directory / folder).rglob("*") if path.is_file())


def copy_project_files(directory: Path, copy: Path) -> None:
    """Copy these files into a folder, as files that only their owner may read."""
    for path in project_files(directory):
        copied = copy / path.relative_to(directory)
        make_private_folder(copied.parent)
        make_private_file(copied)
        copyfile(path, copied)


def is_owned(path: Path, directory: Path, folders: Iterable[Path], files: Iterable[Path], root: Node) -> bool:
    """Return true if `path` is below one of these folders, is one of the files, or is named below `root`."""
    resolved = _resolved(path)
    if any(resolved.is_relative_to(parent) for folder in folders for parent in _locations(folder)):
        return True
    for suffix in _DATABASE_SUFFIXES:
        resolved = resolved.with_name(resolved.name.removesuffix(suffix) or resolved.name)
    return any(_is_same(resolved, file) for file in files) or any(
        _is_same(resolved, directory / name) for text in _texts(root) for name in _file_names(text)
    )


def _locations(folder: Path) -> Iterator[Path]:
    """Yield the path of a folder, and the one that it links to."""
    yield _resolved(folder)
    with suppress(OSError, RuntimeError):
        yield folder.resolve()


def _resolved(path: Path) -> Path:
    return path.parent.resolve() / path.name


def _is_same(path: Path, other: Path) -> bool:
    try:
        return _resolved(path) == _resolved(other) or path.samefile(other)
    except (OSError, ValueError, RuntimeError):
        return False


def _texts(node: Node) -> Iterator[str]:
    if isinstance(node.value, str):
        yield node.value
    for child in node.children():
        yield from _texts(child)


def _file_names(text: str) -> Iterator[str]:
    """Yield what may be the path of a file: the text itself, or the path in the URL of a database."""
    _, mark, path = text.partition(":///")
    yield path.partition("?")[0] if mark else text


def query_path(directory: Path, node: Node | None, problems: ProblemList) -> Path | None:
    """Return the file of a saved query; add a problem and return None if there is no such file."""
    path = _named_file(directory / "queries", ".sql", "query", node, problems)
    if path is None or node is None or not (fault := _fault(path)):
        return path
    problems.add(node, f"names the query {path.name}, which {fault}", rule=Rule.UNREADABLE)
    return None


def template_path(directory: Path, node: Node | None, problems: ProblemList) -> Path | None:
    """Return the file of a data template; None for a built-in one that the project does not replace."""
    folder = directory / "templates"
    if node is not None and node.value in BUILT_IN_TEMPLATES and not (folder / f"{node.value}.yaml").is_file():
        return None
    return _named_file(folder, ".yaml", "data template", node, problems)


def _fault(path: Path) -> str | None:
    """Return why a file must not be read; reading a pipe or a device might never end."""
    with suppress(OSError):
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "is not a regular file: replace it with one"
        if status.st_size > LARGEST_QUERY:
            return f"is larger than {LARGEST_QUERY >> 20} MiB: shorten it"
    return None


def _named_file(folder: Path, suffix: str, kind: str, node: Node | None, problems: ProblemList) -> Path | None:
    if node is None or not isinstance(node.value, str | int):
        return None
    names = sorted(path.stem for path in folder.glob(f"*{suffix}"))
    if str(node.value) in names:
        return (folder / f"{node.value}{suffix}").absolute()
    others = sorted(path.name for path in folder.glob("*") if path.stem == str(node.value) and path.is_file())
    if others:
        there = f"of which there is {folder.name}/{others[0]}: rename it to {node.value}{suffix}"
        sentence = f'names the {kind} "{node.value}", {there}'
        problems.add(node, sentence, rule=Rule.UNKNOWN_NAME)
        return None
    if set(str(node.value)) & set("/\\"):
        return None  # The settings of the orchestration refuse it.
    if advice := name_advice(kind.removeprefix("data "), str(node.value)):
        problems.add(node, advice, rule=Rule.UNKNOWN_NAME)
        return None
    problems.add_absent(node, kind, str(node.value), names, f"in {folder.name}/ (NAME{suffix})")
    return None


def name_advice(key: str, text: str) -> str | None:
    """Return what to write instead of a path, or of SQL, as the name of a `query` or `template`."""
    if key == "query" and _SQL.match(text):
        return "is SQL: save it as queries/NAME.sql and write `query: NAME`"
    folder, endings = _KINDS[key]
    name = text.strip().removeprefix("./").removeprefix(f"{folder}/")
    name = re.sub(rf"\.(?:{endings})\Z", "", name, flags=re.IGNORECASE)
    is_path = name != text and re.fullmatch(r"[^/\\.\s][^/\\\r\n]*", name)
    return f"is the path of a file: write `{key}: {name}`" if is_path else None


def local_path(directory: Path, path: str) -> str:
    """Make a path below the project absolute; return an address (s3://…) as it is."""
    return path if "://" in path else str(directory / path)


def where_it_is(folder: Path) -> str:
    """Return what to do in a folder without a project file: it may have another name, or be in a folder nearby."""
    if folder.is_file():
        return f"That is a file: name its folder, --project {folder.parent}"
    if not folder.is_dir():
        return "There is no such folder: name another one with --project."
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if _OTHER_NAME.fullmatch(path.name) and path.is_file():
                return f"Rename {path.name} to {FILE}."
        above = next((parent for parent in folder.parents if (parent / FILE).is_file()), None)
        if above is not None:
            return f"The project is the folder {above}: go there, or add --project {above}"
        below = sorted(path.parent for path in folder.glob(f"*/{FILE}"))
        if below:
            return f"There is one in {below[0].name}: go there, or add --project {below[0].name}"
    return "Write a project there with: connector init"
