"""Saving: all or nothing, no overwriting of what somebody else wrote, and only what validates."""

import stat
from pathlib import Path

import pytest

from connector.editing.proposal import FileVersion, Proposal, find_problems, propose, read_file
from connector.editing.save import FOLDER, KEPT, FileChanged, rebase, save
from connector.editing.splice import REMOVED, Edit
from connector.errors import ConfigurationError
from tests.cli.command import inside

STORE = ("orchestrations", "store_purchases")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    inside("init", str(tmp_path / "shop"), project=tmp_path)
    return tmp_path / "shop"


def with_limit(folder: Path, limit: int = 5) -> Proposal:
    return propose(read_file(folder), [Edit((*STORE, "limit"), limit)])


def saved(folder: Path, proposal: Proposal) -> None:
    save(folder, folder / ".connector", proposal)


def test_what_is_saved_is_what_was_shown(shop: Path) -> None:
    file = shop / "orchestrations.yaml"
    file.chmod(0o640)
    proposal = with_limit(shop)
    assert "+    limit: 5\n" in proposal.diff and proposal.diff.count("\n+") == 2
    saved(shop, proposal)
    assert file.read_bytes() == proposal.after.content
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    kept = list((shop / ".connector" / FOLDER).iterdir())
    assert [one.read_bytes() for one in kept] == [proposal.before.content]
    assert {stat.S_IMODE(one.stat().st_mode) for one in kept} == {0o600}
    assert not list(shop.glob(".*unfinished"))


def test_a_file_that_somebody_else_changed_is_not_overwritten(shop: Path) -> None:
    first, second = with_limit(shop), propose(read_file(shop), [Edit((*STORE, "tags"), ["eu"])])
    saved(shop, first)
    with pytest.raises(
        FileChanged, match=r"was changed by somebody else at \d\d:\d\d UTC. Nothing was saved."
    ) as caught:
        saved(shop, second)
    again = rebase(second, caught.value.now)
    assert again is not None
    saved(shop, again)
    text = (shop / "orchestrations.yaml").read_text()
    assert "    limit: 5\n" in text and "    tags: [eu]\n" in text


@pytest.mark.parametrize(
    ("theirs", "meets"),
    [
        (Edit((*STORE, "limit"), 7), True),
        (Edit(STORE, REMOVED), True),
        (Edit((*STORE, "min_rows"), 7), False),
        (Edit(("orchestrations", "web_purchases", "limit"), 7), False),
    ],
)
def test_edits_of_two_that_meet_are_not_merged(shop: Path, theirs: Edit, meets: bool) -> None:
    mine = propose(read_file(shop), [Edit((*STORE, "limit"), 3), Edit((*STORE, "max_reject_percent"), 4)])
    saved(shop, propose(read_file(shop), [theirs]))
    assert (rebase(mine, read_file(shop)) is None) == meets


def test_only_the_last_versions_are_kept(shop: Path) -> None:
    for limit in range(1, KEPT + 4):
        saved(shop, with_limit(shop, limit))
    kept = sorted((shop / ".connector" / FOLDER).iterdir())
    assert len(kept) == KEPT
    assert b"limit: 22\n" in kept[-1].read_bytes() and b"limit: 3\n" in kept[0].read_bytes()


def test_new_files_are_written_and_never_overwritten(shop: Path) -> None:
    entry = {"query": "returns", "destination": "store_events", "template": "tiktok_events", "workflow": "manual"}
    files = {"queries/returns.sql": b"SELECT 1 AS event_id\n"}
    proposal = propose(read_file(shop), [Edit(("orchestrations", "returns"), entry)], files)
    assert "+++ b/queries/returns.sql" in proposal.diff and "+SELECT 1 AS event_id" in proposal.diff
    saved(shop, proposal)
    assert (shop / "queries" / "returns.sql").read_bytes() == b"SELECT 1 AS event_id\n"
    before = (shop / "orchestrations.yaml").read_bytes()
    again = propose(read_file(shop), [Edit(("orchestrations", "more"), entry)], {"queries/returns.sql": b"SELECT 2\n"})
    with pytest.raises(ConfigurationError, match=r"The file queries/returns.sql exists already: choose another name."):
        saved(shop, again)
    assert (shop / "queries" / "returns.sql").read_bytes() == b"SELECT 1 AS event_id\n"
    assert (shop / "orchestrations.yaml").read_bytes() == before


def test_a_file_that_is_a_link_is_not_replaced(shop: Path) -> None:
    file = shop / "orchestrations.yaml"
    file.rename(shop / "elsewhere.yaml")
    file.symlink_to(shop / "elsewhere.yaml")
    with pytest.raises(ConfigurationError, match="The file is a link: edit the file that it links to."):
        saved(shop, with_limit(shop))
    assert file.is_symlink()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit((*STORE, "limit"), -1), "limit"),
        (Edit((*STORE, "destination"), "stor_events"), "stor_events"),
        (Edit((*STORE, "query"), "nothing"), "nothing"),
        (Edit((*STORE, "limmit"), 1), "limmit"),
        (Edit(("targets", "production", "orchestrations", "store_purchases", "limit"), "many"), "limit"),
        (Edit(STORE, REMOVED), "store_purchases"),
    ],
)
def test_what_validate_refuses_is_found_before_anything_is_written(shop: Path, edit: Edit, message: str) -> None:
    before = (shop / "orchestrations.yaml").read_bytes()
    problems = find_problems(shop, {}, propose(read_file(shop), [edit]))
    assert problems and any(message in problem.message for problem in problems)
    assert {problem.file for problem in problems} == {shop / "orchestrations.yaml"}
    assert (shop / "orchestrations.yaml").read_bytes() == before


def test_problems_that_were_there_before_do_not_prevent_an_edit(shop: Path) -> None:
    (shop / "queries" / "web_purchases.sql").write_text("SELEC nothing\n")
    assert find_problems(shop, {}, with_limit(shop)) == []


def test_a_file_that_is_not_yaml_is_not_edited(shop: Path) -> None:
    with pytest.raises(ConfigurationError):
        propose(FileVersion(b"a: [\n"), [Edit(("a",), 1)])
