"""Folders that several machines see."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.staging.storage.shared_folder import SharedFolder
from tests.files.servers import Server, s3


@pytest.fixture(scope="session", name="object_store")
def object_store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with s3(tmp_path_factory.mktemp("bucket")) as server:
        yield server


@pytest.fixture(params=["path", "s3"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SharedFolder:
    """An empty folder of each kind."""
    if request.param == "path":
        return SharedFolder.at(str(tmp_path / "shared" / "runs"))
    server: Server = request.getfixturevalue("object_store")
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    return SharedFolder.at(f"{server.address}/{tmp_path.name}")
