"""What the pages show of the command line is what it prints."""

from pathlib import Path

import pytest

from connector.example.example_project import write_example
from tests.docs.markdown import FILES, QUERIES, README, ROOT, SCHEDULING, TUTORIAL, Block, blocks
from tests.docs.session import Session, steps, unlike

SHIPPED = [(page, block) for page in (TUTORIAL, FILES, QUERIES, SCHEDULING) for block in blocks(page) if block.title]


@pytest.mark.parametrize("page", [README, TUTORIAL], ids=lambda page: page.name)
def test_the_commands_of_a_page_print_and_exit_as_it_shows(page: Path, tmp_path: Path) -> None:
    """An exit code other than 0 has to be shown by `echo $?`."""
    write_example(tmp_path / "checkout")
    session = Session(tmp_path / "checkout")
    commands = list(steps(page))
    for step, following in zip(commands, [*commands[1:], None], strict=True):
        output = session.run(step)
        session.learn(step, output)
        assert not unlike(step, output), f"{step.place}: {step.command}\n{output}"
        if not (following and following.command == "echo $?"):
            assert session.exit_code == 0, f"{step.place}: {step.command}\n{output}"


@pytest.mark.parametrize(("page", "block"), SHIPPED, ids=lambda one: getattr(one, "title", getattr(one, "name", "")))
def test_what_a_page_quotes_from_a_shipped_file_stands_there(page: Path, block: Block) -> None:
    """Pieces between `...` are whole, and in the file's order."""
    rest = (ROOT / block.title).read_text("utf-8")
    for piece in "\n".join(block.lines).split("\n...\n"):
        _, found, rest = rest.partition(piece + "\n")
        assert found, f"{page.name}:{block.number}: {block.title} has no\n{piece}"
