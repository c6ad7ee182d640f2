"""Tables fit the terminal, and colors appear where they carry meaning."""

import io
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connector.cli.console import RED, colour
from connector.cli.tables import MIN_WIDTH, table
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop

LONG = "purchases_of_all_stores_of_every_region_in_the_last_seven_days"
TABLES = [
    ("runs",),
    ("runs", "list"),
    ("runs", "audit"),
    ("runs", "show", "latest", "--requests"),
    ("destinations", "list"),
    ("destinations", "test", f"to_{LONG}"),
    ("validate", LONG),
    ("plan", LONG),
    ("promote", LONG, "--from", "local", "--to", f"target_{LONG}"),
    ("auth", "status", f"credential_{LONG}"),
]
NO_TABLE = ("run ", "Which ", "Nothing ", "  each of them", "  slowest", "The simulator", "timeline", LONG, "By ")
"""How sentences begin, which the terminal wraps itself."""
CELLS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=50)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Everything has a long name, and one run has rejected rows."""
    query = GOOD.format(rows=30).replace("n || '@example.com'", "CASE WHEN n > 3 THEN n || '@example.com' END")
    made = shop(tmp_path_factory.mktemp("tables") / "made", "simulator", query, description=f"All {LONG}")
    text = made.settings.read_text()
    settings = yaml.safe_load(text)
    settings["destinations"] = {f"to_{LONG}": settings["destinations"]["stores"]}
    settings["destinations"][f"to_{LONG}"]["credential"] = f"credential_{LONG}"
    settings["credentials"] = {f"credential_{LONG}": settings["credentials"]["tiktok"]}
    settings["orchestrations"] = {LONG: {**settings["orchestrations"][NAME], "destination": f"to_{LONG}"}}
    settings["targets"] = {"local": {}, f"target_{LONG}": {"destinations": {f"to_{LONG}": {"max_age_days": 3}}}}
    settings["target"] = "local"
    made.settings.write_text(yaml.safe_dump(settings, sort_keys=False))
    assert inside("run", LONG, project=made.directory).code == 0
    return made


@pytest.mark.parametrize("typed", TABLES, ids=lambda typed: " ".join(typed[:2]))
@pytest.mark.parametrize("columns", ["80", "100"])
def test_every_table_fits_the_terminal(typed: tuple[str, ...], columns: str, made: Shop) -> None:
    """Whatever the length of the names."""
    outcome = inside(*typed, project=made.directory, environ={"COLUMNS": columns})
    assert outcome.code in {0, 1}, outcome.stderr
    lines = [line for line in outcome.stdout.splitlines() if not line.startswith(NO_TABLE)]
    assert max(map(len, lines)) <= int(columns), max(lines, key=len)


def test_a_pipe_gets_everything(made: Shop) -> None:
    """Nothing is cut where nobody looks at a width."""
    assert LONG in inside("runs", project=made.directory).stdout
    header = inside("runs", project=made.directory).stdout.splitlines()[0].split("  ")
    assert "time trend" in [name.strip() for name in header]


def test_ids_and_numbers_are_never_cut(made: Shop) -> None:
    """They are copied."""
    (run,) = inside("runs", "--json", project=made.directory).json["runs"]
    for command in (("runs",), ("runs", "audit")):
        assert run["run_id"] in inside(*command, project=made.directory, environ={"COLUMNS": "40"}).stdout


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6), st.integers(40, 120))
def test_a_table_is_as_narrow_as_asked_and_loses_no_word(rows: list[tuple[str, ...]], width: int) -> None:
    """Text that is wrapped is still all there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        lines = table(rows)
        assert max(map(len, lines)) <= width
        letters = sorted("".join("".join(row) for row in rows).replace(" ", ""))
        assert sorted("".join(lines).replace(" ", "")) == letters


def test_columns_are_dropped_then_cut_then_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order that is asked for."""
    rows = [("id", "x" * 40, "some words that wrap", "9,999"), ("22222", "y", "z", "1")]
    options = {"right": frozenset({3}), "keep": frozenset({0}), "cut": (1,), "drop": (2,)}
    monkeypatch.setenv("COLUMNS", "50")
    assert table(rows, **options)[0] == f"id     {'x' * 13}…  some words that wrap  9,999"  # type: ignore[arg-type]
    monkeypatch.setenv("COLUMNS", "30")
    assert table(rows, **options)[0] == f"id     {'x' * 15}…  9,999"  # type: ignore[arg-type]
    assert MIN_WIDTH < 15


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colors_appear_on_terminals_alone_and_never_against_the_will(
    stream: io.StringIO, environ: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR counts if it is not empty."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert (colour("Failed", RED, stream) == "\x1b[31mFailed\x1b[0m") is coloured


@pytest.mark.parametrize("typed", [*TABLES, ("run", LONG), ("plan", "nothing")], ids=lambda typed: " ".join(typed[:2]))
def test_nothing_that_is_piped_has_colors(typed: tuple[str, ...], made: Shop, tmp_path: Path) -> None:
    """Neither data nor errors."""
    outcome = inside(*typed, project=made.directory)
    assert "\x1b" not in outcome.stdout + outcome.stderr
