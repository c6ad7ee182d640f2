"""docs/reference/simulator.md says what there is, and its curl commands answer as shown."""

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from shlex import split
from urllib.parse import urlsplit

import pytest

from connector.cli.commands.simulate import PORT
from connector.simulator.control import COMMANDS
from connector.simulator.fault_effects import KINDS
from connector.simulator.fault_files import build, parse
from connector.simulator.faults import Fault
from connector.simulator.messages import API
from connector.simulator.routes import CALLS
from connector.simulator.strictness import Strictness
from tests.docs.markdown import SIMULATOR, blocks, code, first_column, table
from tests.simulator.client import Caller


def curls() -> Iterator[tuple[str, str]]:
    """Each curl command of the page and the line below it."""
    for block in blocks(SIMULATOR):
        if block.language == "console":
            yield from zip(block.lines[::2], block.lines[1::2], strict=True)


def arguments(command: str) -> argparse.Namespace:
    """What curl would make of the command."""
    words = argparse.ArgumentParser()
    words.add_argument("url")
    words.add_argument("-X", dest="method")
    words.add_argument("-H", dest="header")
    words.add_argument("-d", dest="content", default="")
    return words.parse_args(split(command)[2:])


@pytest.mark.parametrize(("command", "shown"), list(curls()))
def test_a_curl_command_answers_as_shown(command: str, shown: str, caller: Caller) -> None:
    given = arguments(command)
    url = urlsplit(given.url)
    assert url.port == PORT
    token = given.header.removeprefix("Access-Token: ") if given.header else None
    _, said = caller.raw(given.content.encode(), method=given.method or "POST", path=url.path, token=token)
    assert re.sub(r'"request_id": "\w+"', '"request_id": "…"', said.decode()).strip() == shown


def test_the_page_lists_every_call() -> None:
    assert {tuple(one.split()) for one in first_column(SIMULATOR, "call")} == {
        (method, path.removeprefix(API)) for method, path in CALLS
    }


def test_the_page_lists_every_fault_and_key() -> None:
    assert {row[0].strip("`"): row[1] for row in table(SIMULATOR, "fault")} == KINDS
    assert sorted(first_column(SIMULATOR, "key")) == sorted(one.name for one in fields(Fault) if one.name != "kind")


def test_the_page_lists_every_control_command() -> None:
    assert [tuple(one.split()) for one in first_column(SIMULATOR, "request")] == list(COMMANDS)


def test_the_page_lists_every_choice_the_default_first() -> None:
    choices = {one.name: list(one.metadata["choices"]) for one in fields(Strictness) if one.metadata}
    listed = {row[0].strip("`"): code(row[1]) for row in table(SIMULATOR, "name")}
    assert listed == choices | {"mapping_rows": []}


def test_the_faults_that_the_page_shows_are_faults() -> None:
    (options,) = (one.lines[0] for one in blocks(SIMULATOR) if one.language == "text" and "--fault" in one.lines[0])
    assert [parse(word).kind for word in split(options) if ":" in word] == ["lost", "throttle", "refuse"]
    listed = next(one for one in blocks(SIMULATOR) if one.language == "yaml" and one.lines[0].startswith("- "))
    import yaml

    assert [build(one).kind for one in yaml.safe_load("\n".join(listed.lines))] == ["error", "refuse", "lost"]
    assert json.dumps(build("slow").seconds) == "1.0"
