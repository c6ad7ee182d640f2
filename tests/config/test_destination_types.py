"""Types of destinations are found as entry points, those of this distribution as those of any other."""

import json
import subprocess
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from connector.config.destination_types import BUILT_IN, GROUP, destination_types, settings_model
from connector.destinations.registry import destination_of
from tests.config.project import load
from tests.foreign_package import connector_in

PACKAGE = """
from typing import Literal
from connector.config.destination import DestinationSettings
from connector.config.destination_types import DestinationType

class Settings(DestinationSettings):
    type: Literal["carrier_pigeon"]
    loft: str

    @property
    def address(self) -> str:
        return self.loft

class Pigeon:
    def __init__(self, settings):
        self.settings = settings
    goes_to = "a loft"

    @classmethod
    def delete_people(cls, project, ledger, digests):
        yield {"audience": "the loft", "audience_id": "1", "identifiers": len(digests), "removed": True}

TYPE = DestinationType(Settings, "pigeon:Pigeon")
"""
PROJECT = """
version: 1
destinations:
  birds: {type: carrier_pigeon, loft: roof, Max In Flight: 2}
"""


def test_the_own_types_are_the_entry_points_of_this_distribution() -> None:
    found = {entry.name: entry.value for entry in entry_points(group=GROUP) if entry.value.startswith("connector.")}
    assert found == dict(BUILT_IN)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_type_has_settings_of_its_own(name: str) -> None:
    model = settings_model(name)
    assert model is destination_types()[name].settings
    assert model is not None and model.model_fields["type"].annotation is not None


def test_a_destination_has_the_implementation_of_its_type(tmp_path: Path) -> None:
    settings = load(tmp_path).destination("stores")
    destination = destination_of(settings)
    assert destination.settings is settings
    assert destination.capabilities.unit == "event"


def test_a_type_that_is_not_installed_has_no_settings() -> None:
    assert settings_model("carrier_pigeon") is None


def with_pigeons(folder: Path, *command: str, package: str = PACKAGE) -> "subprocess.CompletedProcess[str]":
    """Run a command on a project with a destination whose type another distribution brings."""
    (folder / "pigeon.py").write_text(package)
    info = folder / "pigeon-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\ncarrier_pigeon = pigeon:TYPE\n")
    (folder / "orchestrations.yaml").write_text(PROJECT)
    return connector_in(folder, *command)


def test_another_distribution_brings_a_type_of_its_own(tmp_path: Path) -> None:
    """Its settings are read from a project file, spelt in any way, and listed by the command."""
    done = with_pigeons(tmp_path, "destinations", "list", "--json")
    assert done.returncode == 0, done
    assert '"type": "carrier_pigeon"' in done.stdout
    assert '"goes_to": "a loft"' in done.stdout


def test_a_type_that_can_delete_people_is_asked_to_do_so(tmp_path: Path) -> None:
    done = with_pigeons(tmp_path, "forget", "--email", "jane@example.com", "--json")
    assert done.returncode == 0, done
    (told,) = json.loads(done.stdout)["audiences"]
    assert (told["audience"], told["removed"]) == ("the loft", True)


@pytest.mark.parametrize(
    ("package", "sentence"),
    [
        ("import no_such_part", "cannot be loaded from pigeon:TYPE (ModuleNotFoundError)"),
        ("NOTHING = 1", "cannot be loaded from pigeon:TYPE (AttributeError)"),
        (PACKAGE.replace("pigeon:Pigeon", "pigeon:Dove"), "cannot be loaded from pigeon:Dove (AttributeError)"),
    ],
)
@pytest.mark.parametrize("command", [("destinations", "list"), ("forget", "--email", "jane@example.com")])
def test_a_type_that_cannot_be_loaded_is_told_in_a_sentence(
    tmp_path: Path, package: str, sentence: str, command: tuple[str, ...]
) -> None:
    done = with_pigeons(tmp_path, *command, package=package)
    assert done.returncode == 2, done
    assert f'The destination type "carrier_pigeon" {sentence}.' in done.stderr
    assert "Reinstall the distribution that brings it, or uninstall it." in done.stderr
