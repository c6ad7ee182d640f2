"""A stage that machines share: each has to see the same folder."""

import socket
from pathlib import Path

import pytest

from connector.errors import ConfigurationError
from connector.staging.shared_stage import mark_stage, refuse_unmarked
from connector.staging.storage.shared_folder import SharedFolder


def test_a_machine_with_another_folder_at_the_same_path_is_refused(tmp_path: Path) -> None:
    here, there = (SharedFolder.at(str(tmp_path / name / "run")) for name in ("here", "there"))
    mark_stage(here)
    refuse_unmarked(here)
    with pytest.raises(ConfigurationError) as caught:
        refuse_unmarked(there)
    assert caught.value.message == (
        f"{there} is not the same folder on {socket.gethostname()} as where the run started: mount the same one on every "
        "node, or use s3:// or gs://. If it was deleted, put an empty file marked-by-host into it: what was not "
        "delivered is then read again."
    )


def test_a_folder_may_be_marked_again(tmp_path: Path) -> None:
    folder = SharedFolder.at(str(tmp_path / "run"))
    mark_stage(folder)
    mark_stage(folder)
    refuse_unmarked(folder)
