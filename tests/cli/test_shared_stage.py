"""Commands about a run of which the stage lies in a folder that several machines share."""

import json
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from sqlalchemy import update

from connector.api import open_project
from connector.config.project import load_project
from connector.errors import ResumableError
from connector.ledger.database import as_text
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of, run_directory
from connector.ledger.tables import runs
from connector.runs.retention import apply_retention, reduce_stage, remove_stage
from connector.staging.shared_stage import mark_stage
from connector.staging.storage.shared_folder import SharedFolder, link
from tests.cli.command import checked
from tests.cli.people import everything_below
from tests.cli.shop import shop
from tests.cli.test_forget import EVENT_DIGEST, JANE, QUERY, REFUSED, REVOKED, Shopkeeper
from tests.cli.tiktok import OK, serving
from tests.files.servers import Server, s3

ATTEMPT = "split-00000-ab12cd"


@pytest.fixture(scope="module")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with s3(tmp_path_factory.mktemp("bucket")) as server:
        yield server


@pytest.fixture(params=["path", "s3"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SharedFolder:
    """The shared folder of an engine."""
    if request.param == "path":
        (tmp_path / "mount").mkdir()
        return SharedFolder.at(str(tmp_path / "mount" / "connector"))
    server: Server = request.getfixturevalue("object_store")
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    return SharedFolder.at(f"{server.address}/{tmp_path.name}")


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Shopkeeper]:
    with serving() as tiktok:
        yield Shopkeeper(shop(tmp_path / "shop", tiktok.url, QUERY), tiktok)


class Cluster:
    """A run of a shop as if an engine's machines had done it, driven from another machine."""

    def __init__(self, keeper: Shopkeeper, shared: SharedFolder, run_id: str) -> None:
        self.keeper, self.run_id, self.shared = keeper, run_id, shared.child(run_id)
        self.project = load_project(keeper.made.directory, {})
        self.folder = run_directory(self.project, run_id)
        with self.shared.attempt(ATTEMPT) as attempt:
            (attempt / "left-out").mkdir()
            for path in (self.folder / "left-out").glob("*.parquet"):
                (attempt / "left-out" / path.name).write_bytes(path.read_bytes())
            (attempt / "events.arrow").write_bytes(b"events")
        link(self.folder, self.shared)
        self.set(stage=self.shared.address, host="another-machine")

    def set(self, **values: Any) -> None:
        with self.ledger() as ledger, ledger.database.writing() as connection:
            connection.execute(update(runs).where(runs.c.run_id == self.run_id).values(values))

    def ledger(self) -> AbstractContextManager[Ledger]:
        return ledger_of(self.project)

    def publish(self) -> None:
        """Publish the stage as the driver does once the splits are merged."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        self.shared.publish(self.folder, [str(path.relative_to(self.folder)) for path in files])
        mark_stage(self.shared)

    def move(self) -> None:
        """From now on this machine is another one than the driver's."""
        rmtree(self.folder)

    def apply_retention(self) -> None:
        with self.ledger() as ledger:
            apply_retention(self.project, ledger)


@pytest.fixture
def finished(keeper: Shopkeeper, shared: SharedFolder) -> Cluster:
    """A run with a rejected row, which has ended."""
    cluster = Cluster(keeper, shared, keeper.run()["run_id"])
    reduce_stage(cluster.folder)
    return cluster


@pytest.fixture
def unfinished(keeper: Shopkeeper, shared: SharedFolder) -> Cluster:
    """A run that was staged, and stopped while sending."""
    keeper.tiktok.answer = lambda body: REFUSED if '"e5"' in json.dumps(body) or len(body["data"]) > 3 else REVOKED
    cluster = Cluster(keeper, shared, keeper.run()["run_id"])
    cluster.publish()
    return cluster


def excluded(cluster: Cluster) -> dict[str, Any]:
    """The output of every command that reads excluded rows."""
    keeper, run_id = cluster.keeper, cluster.run_id
    output = keeper.made.directory.parent / "tables"
    assert keeper.typed("runs", "export", "-o", str(output), "--force").code == 0
    return {
        "rejects": keeper.typed("rejects", run_id).stdout,
        "json": json.loads(keeper.typed("rejects", run_id, "--format", "json").stdout),
        "show": keeper.typed("runs", "show", run_id, "--json").json["reject_examples"],
        "export": sorted(path.name for path in output.iterdir()),
        "changelog": (output / "sync_changelog.parquet").read_bytes(),
        "api": open_project(keeper.made.directory).find_run(run_id).rejects.to_pylist(),
    }


def test_the_excluded_rows_are_read_on_every_machine(finished: Cluster) -> None:
    assert finished.shared.names() == ["left-out/staging.parquet"]
    here = excluded(finished)
    assert len(here["json"]) == 1
    finished.move()
    assert excluded(finished) == here
    assert not finished.folder.exists()
    finished.keeper.made.query.write_text(QUERY.replace("'EURO'", "'EUR'"))
    retried = checked(finished.keeper.typed("retry", finished.run_id, "--json").json)
    assert (retried["rows"]["read"], retried["rows"]["delivered"]) == (1, 1)


def test_what_the_driver_has_itself_is_read_there(finished: Cluster) -> None:
    finished.set(host=socket.gethostname())
    finished.shared.remove()
    assert len(excluded(finished)["json"]) == 1


def test_a_stage_that_cannot_be_reached_is_told_in_one_sentence(
    finished: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished.move()
    if str(finished.shared).startswith("/"):
        rmtree(Path(str(finished.shared)).parent)
        why = f"{finished.shared} cannot be reached: there is no folder {Path(str(finished.shared)).parent}, "
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        why = f"{finished.shared} cannot be reached: NETWORK_CONNECTION"
    run_id, keeper = finished.run_id, finished.keeper
    told = keeper.typed("rejects", run_id)
    assert told.code == 1
    assert told.sentence.startswith(f"The excluded rows of run {run_id} cannot be read: {why}")
    assert keeper.typed("runs", "export", "-o", str(keeper.made.directory.parent / "x")).code == 1
    shown = keeper.typed("runs", "show", run_id, "--json").json
    assert (shown["rejects"], shown["reject_examples"]) == ({"invalid_currency": 1}, {})
    receipt = keeper.forget("--email", JANE)
    assert next(note for note in receipt["notes"] if run_id in note).startswith(f"What run {run_id} staged was not")
    finished.apply_retention()
    with finished.ledger() as ledger:
        assert ledger.runs.get(run_id).stage == finished.shared.address


def test_somebody_is_forgotten_in_a_shared_stage(finished: Cluster) -> None:
    assert EVENT_DIGEST in rows_of(finished)
    finished.move()
    receipt = finished.keeper.forget("--email", JANE)
    assert receipt["left_out"] == [{"run_id": finished.run_id, "rows": 1}]
    assert any(note.startswith("another-machine may have a copy") for note in receipt["notes"])
    assert EVENT_DIGEST not in rows_of(finished)
    assert finished.keeper.forget("--email", JANE)["left_out"] == []


def test_somebody_is_forgotten_in_a_shared_stage_that_is_to_be_sent(unfinished: Cluster) -> None:
    unfinished.move()
    receipt = unfinished.keeper.forget("--email", JANE)
    (staged,) = receipt["staged"]
    assert (staged["run_id"], staged["events"]) == (unfinished.run_id, 2)
    assert receipt["left_out"] == [{"run_id": unfinished.run_id, "rows": 1}]
    assert EVENT_DIGEST not in rows_of(unfinished)
    assert not unfinished.folder.exists()


def rows_of(cluster: Cluster) -> str:
    """The excluded rows in a shared stage, also of its attempts."""
    found = []
    for part in ("left-out", f"{ATTEMPT}/left-out"):
        with cluster.shared.here(part) as folder:
            found.append(everything_below(folder / part))
    return "".join(found)


def test_an_unfinished_stage_is_kept(unfinished: Cluster) -> None:
    names = unfinished.shared.names()
    unfinished.set(finished_at=as_text(datetime.now(UTC) - timedelta(days=400)))
    unfinished.apply_retention()
    unfinished.move()
    unfinished.apply_retention()
    assert unfinished.shared.names() == names


def test_what_the_driver_left_behind_is_deleted(keeper: Shopkeeper, shared: SharedFolder) -> None:
    cluster = Cluster(keeper, shared, keeper.run()["run_id"])
    cluster.apply_retention()
    assert cluster.shared.names() == ["left-out/staging.parquet"]
    assert [path.name for path in cluster.folder.iterdir()] == ["left-out"]


def test_what_a_driver_elsewhere_left_behind_is_deleted(keeper: Shopkeeper, shared: SharedFolder) -> None:
    cluster = Cluster(keeper, shared, keeper.run()["run_id"])
    cluster.publish()
    cluster.move()
    cluster.apply_retention()
    assert cluster.shared.names() == ["left-out/staging.parquet"]


def test_a_run_that_ended_long_ago_leaves_nothing(finished: Cluster) -> None:
    finished.set(finished_at=as_text(datetime.now(UTC) - timedelta(days=29)))
    finished.apply_retention()
    assert finished.shared.names() == ["left-out/staging.parquet"]
    finished.set(finished_at=as_text(datetime.now(UTC) - timedelta(days=31)))
    finished.apply_retention()
    assert finished.shared.names() == []
    with finished.ledger() as ledger:
        assert ledger.runs.get(finished.run_id).stage is None
    assert finished.keeper.typed("rejects", finished.run_id).code == 0


def test_a_stage_that_cannot_be_reduced_is_reduced_later(
    keeper: Shopkeeper, shared: SharedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(keeper, shared, keeper.run()["run_id"])

    def fail(*_: object) -> None:
        raise ResumableError("The network is down.")

    with monkeypatch.context() as patch:
        patch.setattr(type(shared), "remove_except", fail)
        reduce_stage(cluster.folder)
        assert f"{ATTEMPT}/events.arrow" in cluster.shared.names()
    reduce_stage(cluster.folder)
    assert cluster.shared.names() == ["left-out/staging.parquet"]


def test_a_run_that_another_one_replaces_leaves_nothing(unfinished: Cluster) -> None:
    with unfinished.ledger() as ledger:
        remove_stage(unfinished.folder, ledger.runs.get(unfinished.run_id))
    assert unfinished.shared.names() == []
    assert not unfinished.folder.exists()


def test_a_stage_that_lies_elsewhere_is_sent_from_there(unfinished: Cluster) -> None:
    unfinished.move()
    link(unfinished.folder, unfinished.shared)
    unfinished.keeper.forget("--email", JANE)
    unfinished.keeper.tiktok.answer = lambda body: OK
    sent = len(unfinished.keeper.tiktok.events)
    resumed = checked(unfinished.keeper.typed("resume", unfinished.run_id, "--json").json)
    assert (resumed["status"], resumed["rows"]["pending"]) == ("completed_with_rejects", 0)
    assert (resumed["rows"]["read"], resumed["skips"]) == (12, {"suppressed": 2})
    later = [event["event_id"] for event in unfinished.keeper.tiktok.events][sent:]
    assert "e3" not in later
    assert {path.name for path in unfinished.folder.iterdir()} == {"left-out"}
    assert [name for name in unfinished.shared.names() if not name.startswith("left-out/")] == []
    skipped = unfinished.keeper.typed("rejects", unfinished.run_id, "--reason", "suppressed", "--format", "json")
    assert len(json.loads(skipped.stdout)) == 2


def test_a_stage_that_is_damaged_elsewhere_is_read_again(unfinished: Cluster) -> None:
    content = bytearray(unfinished.shared.read("events.arrow") or b"")
    content[len(content) // 2] ^= 1
    (unfinished.folder / "events.arrow").write_bytes(content)
    unfinished.shared.publish(unfinished.folder, ["events.arrow"])
    unfinished.move()
    link(unfinished.folder, unfinished.shared)
    unfinished.keeper.tiktok.answer = lambda body: OK
    record = checked(unfinished.keeper.typed("resume", unfinished.run_id, "--json").json)
    assert (record["status"], record["resumed"]) == ("completed_with_rejects", [unfinished.run_id])
    assert record["run_id"] != unfinished.run_id
    assert [name for name in unfinished.shared.names() if not name.startswith("left-out/")] == []
    assert {event["event_id"] for event in unfinished.keeper.tiktok.events} == {f"e{n}" for n in range(12) if n != 8}
