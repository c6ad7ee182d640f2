"""A run that writes the changes of an audience to files, killed: the next one writes open files again, and no others."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.audiences.shop import NAME, wanted
from tests.audiences.test_files import archive, audience_in, files_of
from tests.audiences.test_mirror import person
from tests.cli.command import inside
from tests.crash.launcher import Order
from tests.crash.scene import KILLED, Launcher

MOMENTS = [
    ("destinations.audience_stage:stage_members", "before", 1),
    ("destinations.audience_stage:stage_members", "after", 1),
    ("destinations.file.folder_writer:LocalWriter.replace", "before", 1),
    ("destinations.file.folder_writer:_open_private", "after", 2),
    ("destinations.file.folder_writer:LocalWriter.replace", "after", 3),
    ("ledger.batches:Batches.sending", "after", 2),
    ("ledger.batches:Batches.settled", "before", 1),
    ("ledger.batches:Batches.settled", "after", 4),
    ("ledger.members:Members.replace", "before", 1),
    ("ledger.members:Members.applied", "before", 1),
    ("runs.retention:reduce_stage", "before", 1),
]


@pytest.mark.parametrize(
    ("function", "when", "number"), MOMENTS, ids=[f"{when} {name} {n}" for name, when, n in MOMENTS]
)
def test_every_change_is_in_one_file(tmp_path: Path, launcher: Launcher, function: str, when: str, number: int) -> None:
    before, after = [person(number) for number in range(1, 60)], [person(number) for number in range(20, 130)]
    shop = archive(tmp_path, before, rows_per_request=20)
    assert inside("run", NAME, project=shop.directory).code == 0
    shop.people(after)
    order = Order(
        str(shop.directory),
        ["run", NAME, "--yes"],
        f"{tmp_path}/output",
        function=f"connector.{function}",
        when=when,
        number=number,
    )
    assert launcher.ended(order) == KILLED, Path(order.output).read_text()
    again = inside("run", NAME, "--yes", "--json", project=shop.directory)
    assert again.code == 0, again
    files = [path for path in files_of(shop) if not path.name.startswith(".")]
    assert audience_in(files) == wanted(after)
    changes = Counter(line for path in files for line in path.read_text().splitlines())
    assert set(changes.values()) == {1}
    assert sum(json.loads(line)["action"] == "delete" for line in changes) == len(wanted(before) - wanted(after))
    (listed,) = inside("audiences", "--json", project=shop.directory).json["audiences"]
    assert listed["members"]["total"] == len(wanted(after))
