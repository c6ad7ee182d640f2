"""A run that writes files, killed: what goes on replaces the file of a batch and doubles none."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.command import checked, inside
from tests.cli.shop import NAME
from tests.crash.launcher import Order
from tests.crash.scene import KILLED, Launcher
from tests.destinations.test_event_files import BATCHES, ROWS, archive, events_of, files_of

MOMENTS = [
    ("destinations.file.folder_writer:LocalWriter.replace", "before", 1),
    ("destinations.file.folder_writer:_open_private", "after", 2),
    ("destinations.file.folder_writer:LocalWriter.replace", "after", 1),
    ("ledger.batches:Batches.sending", "after", 2),
    ("ledger.batches:Batches.settled", "before", 1),
    ("ledger.batches:Batches.settled", "after", 2),
    ("runs.retention:reduce_stage", "before", 1),
]


@pytest.mark.parametrize("line_items", [True, False], ids=["staged first", "while it is read"])
@pytest.mark.parametrize(
    ("function", "when", "number"), MOMENTS, ids=[f"{when} {name} {n}" for name, when, n in MOMENTS]
)
def test_every_event_is_in_one_file(
    tmp_path: Path, launcher: Launcher, function: str, when: str, number: int, line_items: bool
) -> None:
    made = archive(tmp_path / "shop", line_items=line_items)
    order = Order(
        str(made.directory),
        ["run", NAME],
        f"{tmp_path}/output",
        function=f"connector.{function}",
        when=when,
        number=number,
    )
    assert launcher.ended(order) == KILLED, Path(order.output).read_text()
    last = checked(inside("run", NAME, "--json", project=made.directory).json)
    assert last["skips"] == {"already_delivered": ROWS}
    files = files_of(made.directory / "archive")
    assert len(files) == BATCHES
    assert {path.parent.name for path in files} == set(last["resumed"]) or function.startswith("runs.retention")
    ids = Counter(json.loads(line)["event_id"] for line in events_of(made.directory / "archive"))
    assert ids == Counter(f"e{number}" for number in range(ROWS))
