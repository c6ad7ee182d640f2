"""The tables and words of the pages name what there is in the code, and nothing else."""

import re
import tomllib
from enum import StrEnum
from pathlib import Path

import pytest

from connector import errors
from connector.cli.failures import FAILED, INTERRUPTED
from connector.config.roles import Role
from connector.core.outcomes import Reason, RowWarning, RunStatus, Skip
from connector.delivery.batch import TRANSITIONS
from connector.privacy.access import SENDING
from connector.transform.suppression_filter import AUDIENCE_EMAIL, EMAIL, PHONE
from tests.docs.generated.commands import commands
from tests.docs.generated.outcomes import EXIT_CODES
from tests.docs.markdown import ACCESS, DELIVERY, FORGET, INSTALL, PAGES, ROOT, blocks, code, first_column, table


def exit_codes() -> set[int]:
    """0, and those of all errors."""
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ConnectorError)]
    return {0, FAILED, INTERRUPTED, *(kind.exit_code for kind in kinds)}


@pytest.mark.parametrize("typed", commands())
def test_every_command_and_each_of_its_options_has_a_help_text(typed: str) -> None:
    command = commands()[typed]
    assert command.help
    assert [one.name for one in command.params if not getattr(one, "help", None)] == []


def test_the_page_of_outcomes_lists_the_exit_codes() -> None:
    assert sorted(EXIT_CODES) == sorted(exit_codes())


@pytest.mark.parametrize("words", [RunStatus, Reason, Skip, RowWarning])
def test_every_word_for_what_can_become_of_a_run_and_of_a_row_is_used(words: type[StrEnum]) -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "connector").rglob("*.py"))
    assert [word for word in words if f"{words.__name__}.{word.name}" not in source] == []


def test_the_page_on_installing_lists_the_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(first_column(INSTALL, "extra")) == set(project["optional-dependencies"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_command_and_no_make_target_that_does_not_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert words_after("connector", page) <= {typed.split()[1] for typed in commands()}
    assert words_after("make", page) <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def words_after(command: str, page: Path) -> set[str]:
    """What follows a command in the page's code."""
    text = page.read_text("utf-8")
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
