"""Which files a project uses, so that no output replaces one."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from connector.config.nodes import Node

FOLDERS = ("queries", "templates")
_OF_DATABASES = (".wal", "-wal", "-shm", "-journal")


def is_owned(path: Path, directory: Path, folders: Iterable[Path], files: Iterable[Path], root: Node) -> bool:
    """Tell whether `path` is below one of these folders, is one of the files, or is named below `root`."""
    place = _resolved(path)
    if any(place.is_relative_to(one) for folder in folders for one in _places(folder)):
        return True
    for suffix in _OF_DATABASES:
        place = place.with_name(place.name.removesuffix(suffix) or place.name)
    return any(_is_same(place, file) for file in files) or any(
        _is_same(place, directory / name) for text in _texts(root) for name in _names(text)
    )


def _places(folder: Path) -> Iterator[Path]:
    """Yield where a folder is, and where it leads if it is a link."""
    yield _resolved(folder)
    with suppress(OSError, RuntimeError):
        yield folder.resolve()


def _resolved(path: Path) -> Path:
    return path.parent.resolve() / path.name


def _is_same(one: Path, other: Path) -> bool:
    try:
        return _resolved(one) == _resolved(other) or one.samefile(other)
    except (OSError, ValueError, RuntimeError):
        return False


def _texts(node: Node) -> Iterator[str]:
    if isinstance(node.value, str):
        yield node.value
    for child in node.children():
        yield from _texts(child)


def _names(text: str) -> Iterator[str]:
    """Yield what may be the path of a file: the text itself, and that of the URL of a database."""
    _, mark, path = text.partition(":///")
    yield path.partition("?")[0] if mark else text
