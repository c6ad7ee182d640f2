"""Which changes of an audience somebody has to agree to, and what is said where its members cannot be settled."""

from pathlib import Path

import pytest

from connector.destinations.audience_destination import large_change
from connector.destinations.audience_membership import apply_changes
from connector.destinations.audience_stage import CopyCounts, StagedMembers
from connector.destinations.confirmation import Agreement, Confirmation
from connector.destinations.tiktok.settings import AudienceSettings
from connector.errors import ResumableError
from connector.ledger.ledger import open_ledger
from connector.ledger.project_ledger import ledger_of
from connector.simulator.server import Simulator
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


def people(count: int) -> list[dict[str, str]]:
    return [{"email": f"{number}@example.com"} for number in range(count)]


def agreed(*changes: str, removals: int | None = None) -> Confirmation:
    return Confirmation(agreement=Agreement(changes, removals))


def test_a_run_that_was_agreed_to_removes_what_the_plan_said_and_at_most_5_percent_more(
    tmp_path: Path, tiktok: Simulator
) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url)
    shop.people(people(100))
    with pytest.raises(
        ResumableError, match=r"creates it if there is none\. The plan that was agreed to did not say so"
    ):
        shop.run(confirmation=agreed())
    creates = 'A run looks for the audience "VIP" and creates it if there is none.'
    shop.run(confirmation=agreed(creates, removals=0))
    shop.people(people(58))
    for removals in (None, 0, 39):
        with pytest.raises(
            ResumableError, match=r"^42 identifiers would be removed from the audience\. The plan"
        ) as told:
            shop.run(confirmation=agreed(removals=removals))
        assert told.value.message.endswith("Nothing was sent: plan again, and agree to that plan.")
    with ledger_of(shop.project) as ledger:
        (failed, *_) = ledger.runs.latest(1)
        assert (failed.status, failed.resumable, failed.may_have_sent) == ("failed", True, False)
    done = shop.run(confirmation=agreed(removals=40))
    assert done.members is not None and done.members.removed == 42
