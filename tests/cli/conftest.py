"""The project of a newcomer, and its three orchestrations run once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Outcome, checked, connector, inside
from tests.cli.shop import TOKEN
from tests.cli.tiktok import TikTok, serving

SHIPPED = {
    "store_purchases": "store_events",
    "web_purchases": "web_events",
    "legacy_offline_events": "phone_events",
    "store_conversions": "store_events",
}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, tiktok: TikTok) -> Path:
    """What `connector init` writes, with a further target `here`: a server of the tests' own."""
    directory = tmp_path_factory.mktemp("newcomer") / "shop"
    assert connector("init", str(directory)).code == 0
    file = directory / "orchestrations.yaml"
    places = ", ".join(f"{name}: {{api_url: '{tiktok.url}'}}" for name in set(SHIPPED.values()))
    credentials = f"credentials: {{tiktok: {{access_token: {TOKEN}}}}}"
    file.write_text(f"{file.read_text()}  here: {{destinations: {{{places}}}, {credentials}}}\n")
    return directory


@pytest.fixture(scope="session")
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def simulated(project: Path) -> dict[str, Outcome]:
    """Each orchestration sent to the simulator, one of them by a process of its own."""
    first, *others = SHIPPED
    outcomes = {first: connector("run", first, project=project)}
    return outcomes | {name: inside("run", name, project=project) for name in others}


@pytest.fixture(scope="session")
def history(project: Path, simulated: dict[str, Outcome]) -> dict[str, dict[str, Any]]:
    """The records of those runs, from `connector runs list`."""
    listed = inside("runs", "list", "--json", project=project).json["runs"]
    return {record["orchestration"]: checked(record) for record in listed if record["target"] == "local"}
