"""Which changes of an audience somebody has to agree to, and what is said where its members cannot be settled."""

from pathlib import Path

import pytest

from connector.destinations.audience_destination import large_change
from connector.destinations.audience_membership import apply_changes
from connector.destinations.audience_stage import CopyCounts, StagedMembers
from connector.destinations.tiktok.settings import AudienceSettings
from connector.errors import ResumableError
from connector.ledger.ledger import open_ledger
from tests.audiences.shop import NAME, open_shop

Counts = tuple[int, int, int]
"""Members before, added, removed."""


def said(folder: Path, *copies: Counts) -> str | None:
    destination = open_shop(folder, "http://127.0.0.1:9").project.orchestration(NAME).destination
    assert isinstance(destination, AudienceSettings) and destination.max_change_percent == 25
    return large_change(destination, StagedMembers(by_copy=dict(enumerate(CopyCounts(*one) for one in copies))))


@pytest.mark.parametrize(
    "copies",
    [
        [(100, 25, 0)],
        [(100, 0, 25)],
        [(100, 25, 25)],
        [(0, 500, 0)],
        [(100, 10, 0), (0, 110, 0)],
        [(100, 0, 20), (100, 50, 20)],
        [],
    ],
    ids=str,
)
def test_a_change_up_to_the_percentage_needs_no_consent(tmp_path: Path, copies: list[Counts]) -> None:
    assert said(tmp_path, *copies) is None


@pytest.mark.parametrize(
    ("copies", "numbers"),
    [
        ([(100, 26, 0)], "26 identifiers are added and 0 removed, of 100 known (26 %"),
        ([(100, 0, 26)], "0 identifiers are added and 26 removed, of 100 known (26 %"),
        ([(100, 1, 40)], "1 identifiers are added and 40 removed, of 100 known (40 %"),
        ([(100, 0, 26), (100, 0, 26), (0, 300, 0)], "0 identifiers are added and 52 removed, of 200 known (26 %"),
    ],
    ids=str,
)
def test_a_change_of_more_in_one_direction_needs_consent(tmp_path: Path, copies: list[Counts], numbers: str) -> None:
    assert numbers in str(said(tmp_path, *copies))


def test_a_disk_that_fails_is_named_where_members_are_settled(tmp_path: Path) -> None:
    (tmp_path / "members").write_text("not a folder")
    with (
        open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as ledger,
        pytest.raises(ResumableError, match=r"could not be applied: (Not a directory|File exists)\. Fix this"),
    ):
        apply_changes(ledger, 1, tmp_path)
