"""The tables and words of the pages name what there is in the code, and nothing else."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from connector import errors
from connector.cli.app import app
from connector.cli.failures import FAILED, INTERRUPTED
from connector.config.roles import Role
from connector.delivery.batch import TRANSITIONS
from connector.outcomes import Reason, RowWarning, RunStatus, Skip
from connector.pipeline.access import SENDING
from connector.transform.person import AUDIENCE_EMAIL, EMAIL, PHONE
from tests.docs import parameters
from tests.docs.markdown import (
    ACCESS,
    DELIVERY,
    FORGET,
    PAGES,
    README,
    ROOT,
    blocks,
    code,
    first_column,
    section,
    table,
)

SHARED = {"--project", "--debug", "--help"}
"""Options that the README names once for all commands."""

NOT_THERE_YET = section(README, "What is not there yet")


Command = TyperCommand | TyperGroup


def commands() -> dict[str, Command]:
    """Every command, by what is typed."""
    return dict(_below(cast(TyperGroup, get_command(app)), "connector"))


def _below(group: TyperGroup, typed: str) -> Iterator[tuple[str, Command]]:
    for name, command in group.commands.items():
        yield f"{typed} {name}", cast(Command, command)
        if isinstance(command, TyperGroup):
            yield from _below(command, f"{typed} {name}")


def options(command: Command) -> set[str]:
    """The shortest spelling of each of a command's own options."""
    spelt = {min(one.opts, key=len) for one in command.params if one.param_type_name == "option"}
    return spelt - SHARED


def usage() -> dict[str, tuple[set[str], str]]:
    """By command, the options that the README gives it, and what it says about it."""
    found = {}
    for shown, says in table(README, "command"):
        words = shown.strip("`").split()
        typed = " ".join(word for word in words if re.fullmatch("[a-z]+(-[a-z]+)*", word) and word != "csv")
        found[typed] = (set(re.findall(r"(?<!\w)--?[a-z][a-z-]*", shown)), says)
    return found


def exit_codes() -> set[int]:
    """0, and those of all errors."""
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ConnectorError)]
    return {0, FAILED, INTERRUPTED, *(kind.exit_code for kind in kinds)}


def test_the_readme_describes_every_command_with_all_of_its_options() -> None:
    assert {typed: given for typed, (given, _) in usage().items()} == {
        typed: options(command) for typed, command in commands().items()
    }
    assert all(says for _, says in usage().values())


@pytest.mark.parametrize("typed", commands())
def test_every_command_and_each_of_its_options_has_a_help_text(typed: str) -> None:
    command = commands()[typed]
    assert command.help
    assert [one.name for one in command.params if not getattr(one, "help", None)] == []


def test_the_readme_lists_the_exit_codes() -> None:
    assert [int(number) for number in first_column(README, "exit code")] == sorted(exit_codes())


@pytest.mark.parametrize(
    ("heading", "words"),
    [("status of a run", RunStatus), ("reason", Reason), ("skip", Skip), ("warning", RowWarning)],
)
def test_the_readme_lists_what_can_become_of_a_run_and_of_a_row_in_the_order_of_the_code(
    heading: str, words: type[RunStatus | Reason | Skip | RowWarning]
) -> None:
    assert first_column(README, heading) == [word.value for word in words]


def test_a_word_that_the_readme_calls_unused_is_one_that_no_code_uses() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "connector").rglob("*.py"))
    words = [word for kind in (RunStatus, Reason, Skip, RowWarning) for word in kind]
    rows = [row for heading in ("status of a run", "reason", "skip", "warning") for row in table(README, heading)]
    unused = {word.value for word in words if f"{type(word).__name__}.{word.name}" not in source}
    assert unused == {row[0].strip("`") for row in rows if "not used yet" in row[1]}


def test_the_table_of_parameters_is_what_the_catalogue_gives() -> None:
    """`make docs` writes it."""
    text = README.read_text("utf-8")
    assert text == parameters.written(text)


def test_the_readme_lists_the_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(first_column(README, "extra")) == set(project["optional-dependencies"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_command_and_no_make_target_that_does_not_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert words_after("connector", page) <= {typed.split()[1] for typed in commands()}
    assert words_after("make", page) <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def words_after(command: str, page: Path) -> set[str]:
    """What follows a command in the page's code, but for the list of what is not there yet."""
    text = page.read_text("utf-8").replace(NOT_THERE_YET, "")
    typed = "\n".join([*code(text), *(line for block in blocks(page) for line in block.lines)])
    return set(re.findall(rf"^\s*(?:\$ )?{command} ([a-z]+(?:-[a-z]+)*)\b", typed, re.MULTILINE))


def test_the_pages_list_the_keys_of_a_role_and_the_kinds_of_digests() -> None:
    assert set(first_column(ACCESS, "key of a role")) == set(Role.known_keys())
    assert first_column(FORGET, "digest") == [EMAIL, AUDIENCE_EMAIL, PHONE]
    commands_of_rows = " ".join(row[0] for row in table(ACCESS, "command"))
    assert all(f"`{command}`" in commands_of_rows for command in SENDING)


def test_the_steps_of_a_batch_are_those_of_the_code() -> None:
    steps = {(before.strip("`"), after.strip("`")) for _, before, after, _ in table(DELIVERY, "step")}
    assert steps == {(before, after) for before, states in TRANSITIONS.items() for after in states}
