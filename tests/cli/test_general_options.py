"""Options that every command has, before or after its name; and its help."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from connector.cli.app import app
from tests.cli.command import Outcome, inside
from tests.cli.shop import GOOD, Shop, shop

HELP = ("-h", "--help")
READING = [
    ("validate",),
    ("runs",),
    ("runs", "list"),
    ("runs", "audit"),
    ("audiences",),
    ("audiences", "list"),
    ("destinations", "list"),
    ("auth", "status", "tiktok"),
]
"""Commands that need nothing but a project."""


def below(command: TyperGroup | TyperCommand, typed: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, as it is typed."""
    yield typed
    for name, further in getattr(command, "commands", {}).items():
        yield from below(further, (*typed, name))


COMMANDS = list(below(cast(TyperGroup, get_command(app))))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A project that sends to the simulator."""
    return shop(tmp_path_factory.mktemp("general") / "store", "simulator", GOOD.format(rows=3))


@pytest.mark.parametrize("typed", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", HELP)
def test_help_is_whole_sentences_of_at_most_80_columns(typed: tuple[str, ...], option: str, tmp_path: Path) -> None:
    """It is on stdout, and names every general option."""
    outcome = inside(*typed, option, project=tmp_path, environ={"COLUMNS": "80"})
    assert (outcome.code, outcome.stderr) == (0, "")
    assert not re.search(r"\w\.\.\.", outcome.stdout), "a sentence that is cut"
    assert max(map(len, outcome.stdout.splitlines())) <= 80
    assert outcome.stdout.startswith(" ".join(("Usage: connector", *typed)))
    for general in ("--quiet", "--verbose", "--log-format", "--debug", "-h, --help"):
        assert general in outcome.stdout.partition("General options:")[2]


@pytest.mark.parametrize("typed", [typed for typed in COMMANDS if typed and typed not in {("runs",), ("audiences",)}])
def test_each_command_of_a_group_is_listed_with_a_sentence(typed: tuple[str, ...], tmp_path: Path) -> None:
    """The sentence ends with a full stop, however many lines it takes."""
    listing = inside(*typed[:-1], "--help", project=tmp_path).stdout
    (entry,) = [line for line in listing.splitlines() if line.startswith(f"  {typed[-1]} ")]
    following = listing.partition(entry)[2].splitlines()[1:]
    text = [entry]
    while not text[-1].endswith("."):
        assert following[0].startswith("    "), f"no whole sentence: {text}"
        text.append(following.pop(0))


@pytest.mark.parametrize("typed", READING, ids=" ".join)
def test_the_project_may_stand_before_a_command_within_it_or_after_it(
    typed: tuple[str, ...], store: Shop, tmp_path: Path
) -> None:
    """It prints the same, and CONNECTOR_PROJECT gives way."""
    option = ("--project", str(store.directory))
    expected = inside(*typed, *option, project=tmp_path)
    assert expected.code == 0
    for position in range(len(typed)):
        moved = (*typed[:position], *option, *typed[position:])
        assert inside(*moved, project=tmp_path) == expected, moved


def test_the_nearest_of_several_projects_counts(store: Shop, tmp_path: Path) -> None:
    """The one after the command is the nearest."""
    wrong = ("--project", str(tmp_path))
    assert inside(*wrong, "runs", *wrong, "list", "--project", str(store.directory), project=tmp_path).code == 0
    assert inside("--project", str(store.directory), "runs", "list", *wrong, project=tmp_path).code == 2


@pytest.mark.parametrize("command", ["init", "headers", "simulate"])
def test_a_project_before_a_command_that_has_none_is_refused(command: str, tmp_path: Path) -> None:
    """It would be ignored."""
    further = {"headers": ("new.csv",)}.get(command, ())
    outcome = inside("--project", str(tmp_path), command, *further, project=tmp_path)
    assert outcome.code == 2
    assert outcome.sentence == f"`connector {command}` does not work on a project: remove --project."


@pytest.mark.parametrize("typed", [("runs", "--json", "list"), ("audiences", "--json", "list")], ids=" ".join)
def test_an_option_of_a_group_holds_for_its_commands(typed: tuple[str, ...], store: Shop) -> None:
    """Such as --json."""
    assert inside(*typed, project=store.directory).json


@pytest.mark.parametrize(
    ("typed", "option"),
    [
        (("runs", "--limit", "3", "show", "latest"), "--limit"),
        (("runs", "--status", "failed", "export"), "--status"),
        (("runs", "--since", "7d", "audit"), "--since"),
        (("audiences", "--target", "default", "list", "--bogus"), "--bogus"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_an_option_of_a_group_that_a_command_lacks_is_refused(typed: tuple[str, ...], option: str, store: Shop) -> None:
    """It would be ignored."""
    outcome = inside(*typed, project=store.directory)
    assert outcome.code == 2
    assert option in outcome.stderr


@pytest.mark.parametrize("options", [("--limit", "1"), ("--status", "failed"), ("--orchestration", "purchases")])
def test_the_list_of_runs_can_be_narrowed_without_list(options: tuple[str, ...], store: Shop) -> None:
    """As it is listed without it."""
    assert inside("runs", *options, project=store.directory) == inside(
        "runs", "list", *options, project=store.directory
    )


@pytest.mark.parametrize("typed", [*READING, ("plan", "purchases")], ids=" ".join)
def test_quiet_prints_the_same_data_and_nothing_else(typed: tuple[str, ...], store: Shop) -> None:
    """Before or after the command, short or long."""
    expected = inside(*typed, project=store.directory)
    for quiet in (inside(*typed, "--quiet", project=store.directory), inside("-q", *typed, project=store.directory)):
        assert (quiet.code, quiet.stdout, quiet.stderr) == (expected.code, expected.stdout, "")


def test_quiet_still_prints_errors(store: Shop) -> None:
    """And nothing but them."""
    assert "nothing" in inside("-q", "plan", "nothing", project=store.directory).sentence


def test_verbose_prints_the_settings_in_use(store: Shop) -> None:
    """The folder and the target."""
    outcome = inside("runs", "-v", project=store.directory)
    assert outcome.stderr.splitlines()[0] == f"Project {store.directory}, target default."


def test_quiet_and_verbose_exclude_each_other(store: Shop) -> None:
    """Wherever they stand."""
    assert inside("-q", "runs", "-v", project=store.directory).code == 2


@pytest.mark.parametrize(
    "typed",
    [
        ("plan", "purchases"),
        ("validate", "-v"),
        ("plan", "nothing"),
        ("bogus",),
        ("runs", "--bogus"),
        ("plan",),
        ("runs", "show", "nothing", "--json"),
        ("run", "purchases", "-v"),
        (),
    ],
    ids=" ".join,
)
def test_stderr_is_one_json_object_a_line(typed: tuple[str, ...], store: Shop) -> None:
    """Also of wrong usage; the exit code and the data are the same as with text."""
    outcome = inside("--log-format", "json", *typed, project=store.directory)
    lines = entries(outcome)
    assert lines
    for line in lines:
        assert list(line)[:3] == ["time", "level", "message"]
        assert line["level"] in {"debug", "info", "warning", "error"}
    assert (outcome.code == 0) == all(line["level"] != "error" for line in lines)
    if typed[:1] != ("run",):
        text = inside(*typed, project=store.directory)
        assert (outcome.code, outcome.stdout) == (text.code, text.stdout)


def test_json_lines_of_a_run_name_it(store: Shop) -> None:
    """So that a log can be searched for one run."""
    outcome = inside("run", "purchases", "--json", project=store.directory)
    assert outcome.stderr == ""
    outcome = inside("run", "purchases", "--log-format=json", project=store.directory)
    (run_id,) = {line["run_id"] for line in entries(outcome)}
    assert run_id in outcome.stdout


def entries(outcome: Outcome) -> list[dict[str, str]]:
    """The lines of stderr."""
    return [json.loads(line) for line in outcome.stderr.splitlines()]
