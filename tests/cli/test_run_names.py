"""A run is named by its id, its beginning, or `latest`, wherever one is named."""

from pathlib import Path

import pytest

from tests.cli.command import inside
from tests.cli.shop import GOOD, Shop, shop

COMMANDS = [
    ("rejects", "{}"),
    ("rejects", "{}", "--format", "json"),
    ("report", "{}"),
    ("runs", "show", "{}"),
    ("runs", "show", "{}", "--json"),
    ("resume", "{}"),
    ("retry", "{}", "--reason", "event_too_old"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Two runs."""
    query = GOOD.format(rows=4).replace("n || '@example.com'", "CASE WHEN n > 1 THEN n || '@example.com' END")
    made = shop(tmp_path_factory.mktemp("names") / "made", "simulator", query)
    for _ in range(2):
        assert inside("run", "purchases", project=made.directory).code == 0
    return made


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_way_to_name_a_run_names_the_same(command: tuple[str, ...], made: Shop, tmp_path: Path) -> None:
    """What they print and how they end is the same."""
    latest, earlier = (run["run_id"] for run in inside("runs", "--json", project=made.directory).json["runs"])
    length = next(n for n in range(1, 30) if not earlier.startswith(latest[:n]))

    def outcome(name: str) -> tuple[int, list[str], str]:
        done = inside(*(word.format(name) for word in command), project=made.directory)
        lines = done.stdout.splitlines()
        # A page also has the moment at which it is written.
        return done.code, [line for line in lines if command[0] != "report" or "<title>" in line], done.stderr

    assert outcome(latest) == outcome("latest") == outcome(latest[:length])
    assert latest in " ".join(map(str, outcome("latest"))) or command[0] == "rejects"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("2", 'Several runs begin with "2": '),
        ("lates", 'There is no run "lates". Did you mean "latest"?'),
        ("nothing", 'There is no run "nothing". `connector runs` lists them.'),
    ],
)
def test_a_name_that_is_wrong_is_told(command: tuple[str, ...], name: str, sentence: str, made: Shop) -> None:
    """In one sentence."""
    done = inside(*(word.format(name) for word in command), project=made.directory)
    assert done.code == 2
    assert done.stderr.startswith(sentence)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_there_is_no_latest_without_runs(command: tuple[str, ...], tmp_path: Path) -> None:
    """Nothing is made up."""
    made = shop(tmp_path / "made", "simulator", GOOD.format(rows=1))
    done = inside(*(word.format("latest") for word in command), project=made.directory)
    assert (done.code, done.sentence) == (2, "There is no run yet.")
