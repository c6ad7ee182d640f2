"""Audiences as files: each run writes what changes, with everything else that a run of an audience promises."""

import errno
import json
import os
import signal
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from connector.core.route import Action
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch
from connector.destinations.audience_payloads import route_to
from connector.destinations.file.encoder import people_as_parquet, with_action
from connector.destinations.file.folder import FileAttempt, file_name
from connector.destinations.file.folder_writer import LocalWriter
from connector.destinations.file.settings import AudienceFileSettings
from connector.simulator.server import Simulator
from tests.audiences.reference import SCHEMAS, Member
from tests.audiences.shop import NAME, Shop, members, open_shop, wanted
from tests.audiences.test_mirror import person
from tests.cli.command import inside, started

PEOPLE = [person(number) for number in range(1, 60)]
DIGEST = "ab" * 32


def archived(shop: Shop, path: str = "archive", **destination: Any) -> Shop:
    """The project with a target that writes the changes of its audience to files."""
    settings = yaml.safe_load((shop.directory / "orchestrations.yaml").read_text())
    archive = {"destinations": {"audience": {"type": "file", "path": path, **destination}}}
    settings |= {"target": "archive", "targets": {"tiktok": {}, "archive": archive}}
    (shop.directory / "orchestrations.yaml").write_text(yaml.safe_dump(settings))
    return shop


def archive(directory: Path, people: Iterable[Mapping[str, Any]] = PEOPLE, **destination: Any) -> Shop:
    made = archived(open_shop(directory / "shop", "simulator"), **destination)
    made.people(people)
    return made


def files_of(shop: Shop, folder: str = "archive") -> list[Path]:
    """The files in the order of runs and batches; ids of runs within one second are in any order."""
    files = [path for path in (shop.directory / folder).rglob("*") if path.is_file()]
    written: dict[Path, int] = {}
    for path in files:
        moment = path.stat().st_mtime_ns
        written[path.parent] = min(moment, written.get(path.parent, moment))
    return sorted(files, key=lambda path: (written[path.parent], path.name.rpartition("-")[2]))


def audience_in(files: Iterable[Path]) -> set[Member]:
    """Who is in the audience for somebody who applies the files in their order."""
    found: set[Member] = set()
    for path in files:
        for line in path.read_text().splitlines():
            change = json.loads(line)
            digests = {
                (SCHEMAS[key.removesuffix("_sha256")], one) for key in change if key != "action" for one in change[key]
            }
            found = found | digests if change["action"] == "add" else found - digests
    return found


def run(shop: Shop, *args: str) -> dict[str, Any]:
    outcome = inside("run", NAME, "--json", *args, project=shop.directory)
    assert outcome.code == 0, outcome
    return outcome.json


def test_the_files_hold_who_is_in_the_audience_over_generations(tmp_path: Path) -> None:
    shop = archive(tmp_path)
    before: set[Member] = set()
    for first, last in ((1, 60), (11, 80), (11, 80), (40, 90)):
        people = [person(number) for number in range(first, last)]
        shop.people(people)
        now = wanted(people)
        changes = run(shop, "--yes")["members"]
        assert (changes["added"], changes["removed"]) == (len(now - before), len(before - now))
        assert changes["unchanged"] == len(now & before)
        assert audience_in(files_of(shop)) == now
        before = now
    (listed,) = inside("audiences", "--json", project=shop.directory).json["audiences"]
    assert (listed["name"], listed["members"]["total"]) == ("VIP", len(before))


def test_the_files_have_who_the_requests_have(tmp_path: Path, tiktok: Simulator) -> None:
    shop = archived(open_shop(tmp_path / "shop", tiktok.url))
    shop.people(PEOPLE)
    sent, written = run(shop, "--target", "tiktok", "--yes"), run(shop)
    assert written["rows"] == sent["rows"]
    assert written["members"] == sent["members"]
    assert audience_in(files_of(shop)) == members(tiktok) == wanted(PEOPLE)


def test_a_second_run_of_the_same_people_writes_nothing(tmp_path: Path) -> None:
    shop = archive(tmp_path)
    run(shop)
    before = {path: path.stat().st_mtime_ns for path in files_of(shop)}
    again = run(shop)
    assert again["requests"]["sent"] == 0
    assert again["skips"] == {"already_member": len([row for row in PEOPLE if wanted([row])])}
    assert {path: path.stat().st_mtime_ns for path in files_of(shop)} == before


def test_a_file_is_named_after_what_it_changes_and_private(tmp_path: Path) -> None:
    shop = archive(tmp_path, audience="VIP customers, 2026", rows_per_request=20)
    first = run(shop)["run_id"]
    shop.people(PEOPLE[20:])
    second = run(shop, "--yes")["run_id"]
    name = "audience-VIP_customers__2026"
    folder = shop.directory / "archive" / NAME
    added = len([row for row in PEOPLE if wanted([row])])
    assert sorted(path.name for path in (folder / first).iterdir()) == [
        f"{name}-add-{number:06}.jsonl" for number in range(-(-added // 20))
    ]
    removed = [path.name for path in sorted((folder / second).iterdir())]
    assert removed and all(one.startswith(f"{name}-delete-") for one in removed)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files_of(shop)} == {0o600}


@pytest.mark.parametrize(
    ("audience", "name"),
    [
        ("../up", "audience-___up-add-000000.jsonl"),
        ('a/b\n"c"', "audience-a_b__c_-add-000000.jsonl"),
        ("Käufer 2026", "audience-Käufer_2026-add-000000.jsonl"),
        ("客" * 150, f"audience-{'客' * 47}-add-000000.jsonl"),
    ],
)
def test_any_name_of_an_audience_makes_a_file_name(tmp_path: Path, audience: str, name: str) -> None:
    shop = archive(tmp_path, audience=audience)
    run(shop)
    (path,) = files_of(shop)
    assert (path.name, path.parent.parent.name) == (name, NAME)
    (listed,) = inside("audiences", "--json", project=shop.directory).json["audiences"]
    assert listed["name"] == audience


def test_a_table_has_what_the_lines_have(tmp_path: Path) -> None:
    lines, table = archive(tmp_path / "1"), archive(tmp_path / "2", format="parquet")
    run(lines)
    run(table)
    (path,) = files_of(lines)
    rows = pq.read_table(table.directory / "archive").to_pylist()
    assert {row.pop("audience") for row in rows} == {"VIP"}
    assert [{key: value for key, value in row.items() if value is not None} for row in rows] == [
        json.loads(line) for line in path.read_text().splitlines()
    ]


def test_a_table_is_the_same_each_time() -> None:
    route = route_to(Action.ADD, ["email"], "VIP")
    lines = with_action(f'{{"email_sha256":["{DIGEST}"]}}\n{{"phone_sha256":["{DIGEST}"]}}\n'.encode(), route)
    assert people_as_parquet(lines, route) == people_as_parquet(lines, route)


@pytest.mark.parametrize("mode", ["add", "remove"])
def test_a_mode_writes_one_direction_alone(tmp_path: Path, mode: str) -> None:
    shop = archive(tmp_path, mode=mode)
    run(shop)
    shop.people(PEOPLE[:10])
    run(shop)
    actions = {json.loads(line)["action"] for path in files_of(shop) for line in path.read_text().splitlines()}
    assert actions == {"add" if mode == "add" else "delete"}


def test_an_empty_result_and_a_large_change_ask_first(tmp_path: Path) -> None:
    shop = archive(tmp_path)
    run(shop)
    files = files_of(shop)
    shop.people(PEOPLE[:20])
    large = inside("run", NAME, project=shop.directory)
    assert (large.code, "more than max_change_percent: 25)." in large.stderr) == (2, True), large
    assert "TikTok" not in large.stderr
    shop.people([])
    empty = inside("run", NAME, "--yes", project=shop.directory)
    assert (empty.code, "--allow-empty" in empty.stderr) == (2, True)
    assert files_of(shop) == files
    run(shop, "--yes", "--allow-empty")
    assert audience_in(files_of(shop)) == set()


def test_every_command_knows_it(tmp_path: Path) -> None:
    shop = archive(tmp_path)
    folder = shop.directory
    assert inside("validate", project=folder).code == 0
    plan = inside("plan", NAME, "--json", project=folder).json
    assert plan["rows"]["to_send"] == len([row for row in PEOPLE if wanted([row])])
    (request,) = inside("preview", NAME, "--rows", "3", "--json", project=folder).json["requests"]
    assert (request["audience"], len(request["data"])) == ("VIP", 3)
    tested = inside("destinations", "test", "audience", "--json", project=folder)
    assert (tested.code, tested.json["outcome"]) == (0, "passed")
    (listed,) = inside("destinations", "list", "--json", project=folder).json["destinations"]
    assert (listed["type"], listed["goes_to"], listed["credential"]) == ("file", "archive", None)
    assert files_of(shop) == []
    run(shop)
    (path,) = files_of(shop)
    assert [json.loads(line) for line in path.read_text().splitlines()][:3] == request["data"]
    assert inside("audiences", "show", "VIP", project=folder).code == 0
    assert inside("runs", "show", "latest", project=folder).code == 0


def test_no_file_and_no_output_holds_anybody(tmp_path: Path) -> None:
    shop = archive(tmp_path)
    said = inside("preview", NAME, project=shop.directory).stdout + json.dumps(run(shop))
    for folder in (".connector", "archive"):
        said += "".join(path.read_bytes().decode("latin-1") for path in files_of(shop, folder))
    assert "example.com" not in said
    assert "+1201555" not in said


def test_a_folder_that_cannot_be_written_stops_the_run_which_goes_on_later(tmp_path: Path) -> None:
    shop = archive(tmp_path, path="archive/below", rows_per_request=20)
    blocked = shop.directory / "archive"
    blocked.write_text("in the way")
    failed = inside("run", NAME, project=shop.directory)
    assert failed.code == 1
    assert "could not be written" in failed.stderr and "connector resume" in failed.stderr
    blocked.unlink()
    assert inside("resume", "--json", project=shop.directory).code == 0
    assert audience_in(files_of(shop)) == wanted(PEOPLE)
    assert run(shop)["requests"]["sent"] == 0


def test_a_killed_run_writes_its_open_files_again(tmp_path: Path) -> None:
    people = [person(number) for number in range(1, 400)]
    shop = archive(tmp_path, people, rows_per_request=20, max_in_flight=1, requests_per_second=10)
    process = started("run", NAME, project=shop.directory)
    deadline = time.monotonic() + 60
    while len(files_of(shop)) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    written = {path: path.read_bytes() for path in files_of(shop) if not path.name.startswith(".")}
    assert 0 < len(written) < 20
    run(shop)
    final = {path: path.read_bytes() for path in files_of(shop) if not path.name.startswith(".")}
    assert {path: final[path] for path in written} == written
    assert audience_in(sorted(final)) == wanted(people)
    assert run(shop)["requests"]["sent"] == 0


def test_a_forgotten_person_is_deleted_and_stays_out(tmp_path: Path) -> None:
    jane = {"email": "jane@example.com"}
    shop = archive(tmp_path, [*PEOPLE, jane], mode="add")
    run(shop)
    forgotten = inside("forget", "--email", jane["email"], "--json", project=shop.directory)
    assert forgotten.code == 0, forgotten
    (told,) = forgotten.json["audiences"]
    assert (told["audience"], told["identifiers"], told["removed"]) == ("VIP", 1, True)
    assert audience_in(files_of(shop)) == wanted(PEOPLE)
    assert run(shop)["skips"]["suppressed"] == 1
    assert len(files_of(shop)) == 2


def test_a_person_who_cannot_be_deleted_is_told(tmp_path: Path) -> None:
    jane = {"email": "jane@example.com"}
    shop = archive(tmp_path, [*PEOPLE, jane])
    run(shop)
    archived(shop, "elsewhere")
    forgotten = inside("forget", "--email", jane["email"], "--json", project=shop.directory)
    (told,) = forgotten.json["audiences"]
    assert told["removed"] is False
    assert "No destination writes the audience to archive any more" in told["error"]


def test_another_folder_begins_again(tmp_path: Path) -> None:
    shop = archive(tmp_path)
    run(shop)
    run(archived(shop, "second"))
    assert audience_in(files_of(shop, "second")) == wanted(PEOPLE)


def test_two_queries_that_mirror_one_audience_are_refused(tmp_path: Path) -> None:
    shop = archive(tmp_path)
    file = shop.directory / "orchestrations.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["orchestrations"]["again"] = settings["orchestrations"][NAME]
    file.write_text(yaml.safe_dump(settings))
    refused = inside("validate", project=shop.directory)
    assert (refused.code, "each would undo the other" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("destination", "sentence"),
    [
        ({"path": "people.duckdb"}, "people.duckdb is not a folder"),
        ({"path": "queries"}, "queries has files of the project"),
        ({"path": "ftp://host/folder"}, 'Unknown scheme "ftp://"'),
        ({"path": "sftp://me:secret@host/folder"}, "contains a password"),
        ({"path": "out", "format": "xml"}, "must be json or parquet"),
        ({"path": "out", "event_source": "web"}, "event_source"),
        ({"path": "out", "advertiser_ids": ["1"]}, "advertiser_ids"),
        ({"path": "out", "audience_id": "../up"}, "letters and digits"),
        ({"path": "out", "audience": "x" * 151}, "at most 150 characters"),
        ({"path": "out", "rows_per_request": 10_001}, "10000"),
        ({"path": "out", "mode": "replace"}, "must be mirror, add or remove"),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path: Path, destination: dict[str, Any], sentence: str) -> None:
    shop = archive(tmp_path, **destination)
    for command in (["validate"], ["run", NAME]):
        refused = inside(*command, project=shop.directory)
        assert refused.code == 2, refused
        assert sentence in refused.stderr
        assert "me:secret" not in refused.stderr


def test_a_whole_entry_of_a_file_of_an_audience(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "shop", "simulator")
    file = shop.directory / "orchestrations.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["destinations"] = {
        "audience": {"Type": "file", "Path": "archive", "Audience ID": "vip-1", "Email Rule": "plain"}
    }
    file.write_text(yaml.safe_dump(settings))
    shop.people(PEOPLE)
    run(shop)
    (path,) = files_of(shop)
    assert path.name == "audience-vip-1-add-000000.jsonl"


def settings_of(folder: Path) -> AudienceFileSettings:
    return AudienceFileSettings(name="a", type="file", path=str(folder), audience="VIP")


def batch_of(*lines: str) -> Batch:
    payload = "".join(f"{line}\n" for line in lines).encode()
    return Batch(3, route_to(Action.ADD, ["email"], "VIP"), len(lines), len(lines), payload, 0)


@pytest.mark.parametrize(
    "line",
    [
        '{"email_sha256":["jane@example.com"]}',
        f'{{"email_sha256":["{DIGEST}","jane"]}}',
        f'{{"phone_sha256":["{DIGEST.upper()}"]}}',
        '{"idfa_sha256":["+12125550142"]}',
    ],
)
def test_a_batch_that_names_a_person_is_not_written(tmp_path: Path, line: str) -> None:
    attempt = FileAttempt(settings_of(tmp_path), LocalWriter(tmp_path), "o/r")
    assert attempt(batch_of(f'{{"email_sha256":["{DIGEST}"]}}', line)).verdict is Verdict.BLOCKED
    assert list(tmp_path.rglob("*")) == []


def test_a_full_disk_stops_the_run(tmp_path: Path) -> None:
    class Full(LocalWriter):
        def replace(self, name: str, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    answer = FileAttempt(settings_of(tmp_path), Full(tmp_path), "o/r")(batch_of(f'{{"email_sha256":["{DIGEST}"]}}'))
    assert answer.verdict is Verdict.STOP


def test_a_part_of_a_batch_has_a_file_of_its_own() -> None:
    batch = batch_of("{}")
    assert file_name(batch, "json") == "audience-VIP-add-000003.jsonl"
