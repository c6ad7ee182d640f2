"""Events as files: what TikTok would get, with everything else that a run promises."""

import errno
import json
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
import yaml
from botocore.exceptions import NoCredentialsError

from connector.core.route import Route
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch
from connector.destinations.file.encoder import LineCodec, as_parquet, as_request
from connector.destinations.file.folder import FileAttempt, file_name
from connector.destinations.file.folder_writer import LocalWriter
from connector.destinations.file.settings import FileSettings
from connector.staging.sending import EventCodec
from connector.transform.changes import judge_as_whole
from connector.transform.stream import hash_rows
from tests.cli.command import Outcome, connector, inside
from tests.cli.shop import GOOD, NAME, SOURCE_ID, Shop, shop
from tests.cli.tiktok import serving
from tests.duckdb_file import writing
from tests.files.servers import BUCKET, Server, gcs, s3, sftp
from tests.golden import CASES, Case
from tests.transform.harness import arrow_table, compiled, template_of

ROWS = 2_500
"""Events of three batches."""
BATCHES = 3


def archived(made: Shop, path: str, **destination: Any) -> Shop:
    """The project with a target that writes the events of its destination to files."""
    settings = yaml.safe_load(made.settings.read_text())
    archive = {"destinations": {"stores": {"type": "file", "path": path, **destination}}}
    settings |= {"target": "archive", "targets": {"tiktok": {}, "archive": archive}}
    made.settings.write_text(yaml.safe_dump(settings))
    return made


def archive(
    directory: Path, path: str = "archive", rows: int = ROWS, line_items: bool = True, **destination: Any
) -> Shop:
    # The moment is fixed, so that every run has the same events.
    tables = {"sold": GOOD.format(rows=rows)}
    made = shop(directory, "simulator", "SELECT * FROM sold", tables=tables, line_items=line_items)
    return archived(made, path, **destination)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def events_of(folder: Path) -> list[bytes]:
    return [line for path in files_of(folder) for line in path.read_bytes().splitlines()]


def run(made: Shop, *args: str) -> dict[str, Any]:
    return inside("run", NAME, "--json", *args, project=made.directory).record()


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=[pytest.mark.thorough] if number % 3 else [])
        for number, case in enumerate(CASES)
    ],
)
def test_the_lines_of_a_golden_case_are_the_events_of_the_requests(case: Case, tmp_path: Path) -> None:
    template = template_of(case.mapping, tmp_path, extends=case.extends)
    table = arrow_table(case.columns)
    transform = compiled(table, case.settings, template)
    for rows in hash_rows(table.to_batches(), transform, threads=1):
        for part in judge_as_whole(rows, transform.rules).events:
            for events in part.table.combine_chunks().to_batches():
                lines = bytes(LineCodec().encode(events))
                assert as_request(lines) == b'{"data":[' + bytes(EventCodec().encode(events)) + b"]}"
                assert lines.count(b"\n") == events.num_rows


def test_the_files_have_what_the_requests_have(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = archived(
            shop(tmp_path, tiktok.url, "SELECT * FROM sold", tables={"sold": GOOD.format(rows=ROWS)}), "out"
        )
        sent, written = run(made, "--target", "tiktok"), run(made)
    assert written["rows"] == sent["rows"]
    assert written["requests"]["sent"] == BATCHES
    requested = {as_request(path.read_bytes()) for path in files_of(tmp_path / "out")}
    assert requested == {b'{"data":[' + request.raw.split(b'"data":[', 1)[1] for request in tiktok.requests}


def test_a_file_is_named_after_orchestration_run_and_batch_and_private(tmp_path: Path) -> None:
    record = run(archive(tmp_path))
    folder = tmp_path / "archive" / NAME / record["run_id"]
    assert [path.name for path in files_of(folder)] == [f"offline-{SOURCE_ID}-{n:06}.jsonl" for n in range(BATCHES)]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files_of(folder)] == [0o600] * BATCHES
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((tmp_path / "archive").stat().st_mode) == 0o700


def test_a_table_has_what_an_event_is_found_by(tmp_path: Path) -> None:
    run(archive(tmp_path, format="parquet"))
    table = pq.read_table(tmp_path / "archive").to_pylist()
    assert len(table) == ROWS
    for row in table[:10]:
        event = json.loads(row["payload"])
        assert (row["event"], row["event_id"]) == (event["event"], event["event_id"])
        assert int(row["event_time"].timestamp()) == event["event_time"]
        assert (row["event_source"], row["event_source_id"]) == ("offline", SOURCE_ID)


def test_a_table_is_the_same_each_time_whatever_ends_a_line_elsewhere() -> None:
    lines = '{"event":"A\u2028B","event_id":"1","event_time":1}\n{"event":"C","event_id":"2","event_time":2}\n'.encode()
    once = as_parquet(lines, Route("web", "P"))
    assert once == as_parquet(lines, Route("web", "P"))
    assert pq.read_table(BytesIO(once))["event"].to_pylist() == ["A\u2028B", "C"]


def test_what_was_written_is_skipped_and_another_folder_begins_again(tmp_path: Path) -> None:
    made = archive(tmp_path)
    run(made)
    assert run(made)["skips"] == {"already_delivered": ROWS}
    assert run(archived(made, "second"))["rows"]["delivered"] == ROWS
    assert events_of(tmp_path / "archive") == events_of(tmp_path / "second")


def test_what_was_written_counts_nowhere_else(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = archived(shop(tmp_path, tiktok.url, GOOD.format(rows=5)), "archive")
        run(made)
        assert run(made, "--target", "tiktok")["rows"]["delivered"] == 5


def test_every_command_knows_it(tmp_path: Path) -> None:
    made = archive(tmp_path, rows=5)
    assert inside("validate", project=tmp_path).code == 0
    assert inside("plan", NAME, "--json", project=tmp_path).json["rows"]["to_send"] == 5
    assert len(inside("preview", NAME, "--json", project=tmp_path).json["requests"][0]["data"]) == 5
    tested = inside("destinations", "test", "stores", "--json", project=tmp_path)
    assert (tested.code, tested.json["outcome"]) == (0, "passed")
    (listed,) = inside("destinations", "list", "--json", project=tmp_path).json["destinations"]
    assert (listed["type"], listed["goes_to"], listed["credential"]) == ("file", "archive", None)
    assert files_of(tmp_path / "archive") == []
    shown = inside("run", NAME, project=tmp_path)
    assert "TikTok may take" not in shown.stdout
    assert made.state.exists()


def test_rows_that_pass_now_are_written_by_a_retry(tmp_path: Path) -> None:
    tables = {
        "sold": f"SELECT * REPLACE (CASE event_id WHEN 'e1' THEN NULL ELSE email END AS email) FROM ({GOOD.format(rows=5)})"
    }
    made = archived(shop(tmp_path, "simulator", "SELECT * FROM sold", tables=tables), "archive")
    first = run(made)
    assert first["rejects"] == {"missing_identity": 1}
    with writing(made.warehouse) as warehouse:
        warehouse.execute("UPDATE sold SET email = 'e@example.com' WHERE email IS NULL")
    again = inside("retry", first["run_id"], "--json", project=tmp_path).record()
    assert again["rows"]["delivered"] == 1
    assert len(events_of(tmp_path / "archive")) == 5


def test_a_folder_that_cannot_be_written_stops_the_run_which_goes_on_later(tmp_path: Path) -> None:
    made = archive(tmp_path, "archive/below")
    (tmp_path / "archive").write_text("in the way")
    failed = inside("run", NAME, project=tmp_path)
    assert failed.code == 1
    assert "could not be written" in failed.stderr and "connector resume" in failed.stderr
    assert inside("destinations", "test", "stores", project=tmp_path).code == 1
    (tmp_path / "archive").unlink()
    assert inside("resume", "--json", project=made.directory).record()["rows"]["delivered"] == ROWS
    assert len(set(events_of(tmp_path / "archive"))) == ROWS


@pytest.mark.parametrize("path", ["queries", ".connector", "templates/../.connector/runs", "link"])
def test_a_folder_of_the_project_is_refused(tmp_path: Path, path: str) -> None:
    made = archive(tmp_path, path, rows=1)
    made.state.mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "link").symlink_to(made.state)
    for command in (["run", NAME], ["validate"], ["destinations", "test", "stores"]):
        refused = inside(*command, project=tmp_path)
        assert refused.code == 2
        assert f"{path} has files of the project" in refused.stderr
    assert files_of(tmp_path / "queries") == [made.query]


@pytest.mark.parametrize(
    ("destination", "sentence"),
    [
        ({"path": "warehouse.duckdb"}, "warehouse.duckdb is not a folder"),
        ({"path": "ftp://host/folder"}, 'Unknown scheme "ftp://"'),
        ({"path": "sftp://me:secret@host/folder"}, "contains a password"),
        ({"path": "out", "format": "xml"}, "must be json or parquet"),
        ({"path": "out", "api_url": "simulator"}, "api_url"),
        ({"path": "out", "event_source_id": "../up"}, "letters and digits"),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path: Path, destination: dict[str, Any], sentence: str) -> None:
    made = shop(tmp_path, "simulator", GOOD.format(rows=1))
    archived(made, **destination)
    refused = inside("validate", project=tmp_path)
    assert refused.code == 2
    assert sentence in refused.stderr
    assert "me:secret" not in refused.stderr


def test_a_test_event_code_is_refused(tmp_path: Path) -> None:
    archive(tmp_path, rows=1)
    refused = inside("run", NAME, "--test-event-code", "TEST1", project=tmp_path)
    assert (refused.code, "no test mode" in refused.stderr) == (2, True)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    folder = tmp_path_factory.mktemp("served")
    with ExitStack() as stack:
        yield {
            "s3": stack.enter_context(s3(folder)),
            "gs": stack.enter_context(gcs(tmp_path_factory.mktemp("bucket"))),
            "sftp": stack.enter_context(sftp(folder, tmp_path_factory.mktemp("home"))),
        }


def remote(made: Shop, server: Server, *command: str) -> Outcome:
    return connector(*command, project=made.directory, environ=server.environ)


def test_objects_of_a_bucket(tmp_path: Path, servers: dict[str, Server]) -> None:
    server = servers["s3"]
    made = archive(tmp_path, f"s3://{BUCKET}/archive/")
    assert remote(made, server, "destinations", "test", "stores").code == 0
    record = remote(made, server, "run", NAME, "--json").record()
    assert record["rows"]["delivered"] == ROWS
    client = boto3.client(
        "s3",
        endpoint_url=server.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    )
    found = client.list_objects_v2(Bucket=BUCKET, Prefix="archive/")["Contents"]
    assert [one["Key"] for one in found] == [
        f"archive/{NAME}/{record['run_id']}/offline-{SOURCE_ID}-{n:06}.jsonl" for n in range(BATCHES)
    ]
    bodies = [client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found]
    client.close()
    assert sum(body.count(b"\n") for body in bodies) == ROWS


@pytest.mark.thorough
def test_objects_of_google_s_storage(tmp_path: Path, servers: dict[str, Server]) -> None:
    server = servers["gs"]
    made = archive(tmp_path, f"gs://{BUCKET}/archive")
    assert remote(made, server, "destinations", "test", "stores").code == 0
    assert remote(made, server, "run", NAME, "--json").record()["rows"]["delivered"] == ROWS
    assert len(files_of(server.folder)) == BATCHES
    assert len(set(events_of(server.folder))) == ROWS


@pytest.mark.thorough
def test_a_bucket_that_does_not_exist_stops_the_run(tmp_path: Path, servers: dict[str, Server]) -> None:
    made = archive(tmp_path, "s3://no-such-bucket/archive", rows=5)
    failed = remote(made, servers["s3"], "run", NAME)
    assert failed.code == 1
    assert "s3://no-such-bucket/archive could not be written" in failed.stderr
    assert "connector resume" in failed.stderr


def test_files_of_a_server(tmp_path: Path, servers: dict[str, Server]) -> None:
    server = servers["sftp"]
    made = archive(tmp_path, f"{server.address}/archive")
    assert remote(made, server, "destinations", "test", "stores").code == 0
    record = remote(made, server, "run", NAME, "--json").record()
    assert record["rows"]["delivered"] == ROWS
    written = files_of(server.folder / "archive")
    assert [path.name for path in written] == [f"offline-{SOURCE_ID}-{n:06}.jsonl" for n in range(BATCHES)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert len(set(events_of(server.folder / "archive"))) == ROWS


def test_a_server_that_is_away_leaves_a_run_that_goes_on(tmp_path: Path, servers: dict[str, Server]) -> None:
    server = servers["sftp"]
    made = archive(tmp_path, "sftp://shop@127.0.0.1:1/archive", rows=5)
    failed = remote(made, server, "run", NAME)
    assert failed.code == 1, failed
    assert "could not be written" in failed.stderr


class Broken:
    """A folder in which every file raises an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def replace(self, name: str, data: bytes) -> None:
        raise self.error

    def remove(self, name: str) -> None:
        raise self.error


def settings_of(folder: Path) -> FileSettings:
    return FileSettings(name="a", type="file", path=str(folder), event_source="web", event_source_id="P")


def batch_of(*events: str, number: int = 3, offset: int = 0) -> Batch:
    return Batch(
        number, Route("web", "P"), len(events), len(events), "".join(f"{one}\n" for one in events).encode(), offset
    )


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), Verdict.STOP),
        (PermissionError("Access Denied"), Verdict.STOP),
        (FileNotFoundError("The specified bucket does not exist"), Verdict.STOP),
        (NoCredentialsError(), Verdict.STOP),
        (TimeoutError("timed out"), Verdict.RETRY),
        (ValueError("of a driver, about jane@example.com"), Verdict.RETRY),
    ],
)
def test_an_error_stops_the_run_or_is_tried_again(tmp_path: Path, error: Exception, verdict: Verdict) -> None:
    answer = FileAttempt(settings_of(tmp_path), Broken(error), "o/r")(batch_of('{"event":"A"}'))
    assert answer.verdict is verdict
    assert "could not be written" in answer.message
    assert "jane" not in answer.message


def test_a_batch_that_names_a_person_is_not_written(tmp_path: Path) -> None:
    attempt = FileAttempt(settings_of(tmp_path), LocalWriter(tmp_path), "o/r")
    answer = attempt(batch_of('{"event":"A"}', '{"event":"B","properties":{"description":"jane@example.com"}}'))
    assert answer.verdict is Verdict.BLOCKED
    assert files_of(tmp_path) == []


def test_a_part_of_a_batch_has_a_file_of_its_own() -> None:
    assert file_name(batch_of("{}"), "json") == "web-P-000003.jsonl"
    assert file_name(batch_of("{}", offset=500), "parquet") == "web-P-000003-000500.parquet"


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kept")
    (tmp_path / ".a.unfinished").symlink_to(secret)
    LocalWriter(tmp_path).replace("a", b"new")
    LocalWriter(tmp_path).replace("a", b"newer")
    assert ((tmp_path / "a").read_bytes(), secret.read_text()) == (b"newer", "kept")
    assert files_of(tmp_path) == [tmp_path / "a", secret]
