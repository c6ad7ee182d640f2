"""The files of the example project, and `connector init`, which writes them to a new folder.

A wheel carries them beside this module (`force-include` in pyproject.toml); an editable checkout has them at
the repository's root, where they are the shipped examples.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from connector.config.editor_files import SCHEMAS, schema_text, with_schema_line
from connector.errors import UsageError
from connector.example.sample_conversions import DELIMITERS, conversions_text

_IN_WHEEL = Path(__file__).parent / "files"
_IN_CHECKOUT = Path(__file__).parents[2]
_PATTERNS = ("orchestrations.yaml", "queries/*.sql", "templates/*.yaml", "tests/*.yaml", "demo/warehouse.sql")

GITIGNORE = """\
# State of the connector: staged runs, the ledger, tokens.
.connector/
# Built from demo/warehouse.sql when it is first needed.
demo/*.duckdb
demo/*.duckdb.wal
# Made up when the project was written: its dates are of those days.
demo/conversions.psv
"""

_CONVERSIONS = "demo/conversions.psv"
_ROWS = 120

_README = """\
# What is sent to TikTok

    connector validate                    check every file in here; opens nothing
    connector test                        check the queries and templates with made-up rows; needs no warehouse
    connector preview store_purchases     what TikTok would get, hashed; sends nothing
    connector run store_purchases         send it, to the simulator on this machine

`orchestrations.yaml` says which query goes where. The queries are in `queries/`, the data templates in
`templates/`, their tests in `tests/`. `demo/warehouse.sql` makes up a warehouse with recent orders, some of them
bad on purpose; replace it by your own under `warehouses`. `demo/conversions.psv` is a file of made-up conversions of
the last weeks.

Editors know the settings from `schemas/`. After an upgrade, write it again:
`connector schema orchestrations > schemas/orchestrations.schema.json`,
`connector schema template > schemas/template.schema.json`, and
`connector schema test > schemas/test.schema.json`.

Nothing leaves this machine until you choose another target than `local`:
`TIKTOK_ACCESS_TOKEN=... connector run store_purchases --target sandbox`.
"""


def example_files() -> dict[str, bytes]:
    """Return every file of a new project: path relative to its folder, with forward slashes -> content."""
    root = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT
    paths = sorted(path for pattern in _PATTERNS for path in root.glob(pattern))
    texts = {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in paths}
    shipped = {name: with_schema_line(name, text) for name, text in texts.items()}
    schemas = {name: schema_text(name) for name in SCHEMAS.values()}
    sample = conversions_text(_ROWS, datetime.now(UTC).date(), DELIMITERS[".psv"], dirty=True)
    generated = {_CONVERSIONS: sample, ".gitignore": GITIGNORE, "README.md": _README}
    return {name: text.encode() for name, text in (shipped | schemas | generated).items()}


def write_example(directory: Path) -> list[Path]:
    """Write the example project into `directory`, which is created if need be; return the files written.

    Raises UsageError, with nothing written, if any of the files exists; also if the folder cannot be written.
    """
    return write_files(directory, example_files())


def write_files(directory: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files by their paths below a folder; raises UsageError as `write_example` does."""
    _check_no_overwrite(directory, files)
    try:
        return [_write(directory / name, content) for name, content in files.items()]
    except OSError as error:
        raise UsageError(f"Cannot write to {directory}: {error.strerror}. Choose another folder.") from error


def _check_no_overwrite(directory: Path, files: Mapping[str, bytes]) -> None:
    existing = [name for name in files if (directory / name).exists()]
    if existing:
        advice = "Nothing was written: choose an empty folder, or move them."
        raise UsageError(f"{directory} already has {', '.join(existing)}. {advice}")


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(content)
    return path
