"""An ad account that was added to an audience waits until the members have been sent again for it."""

import pytest

from connector.core.route import Action, Operation, Route
from connector.ledger.batch_records import BatchRecord, BatchSlice
from connector.ledger.ledger import Ledger
from connector.ledger.member_records import AccountState
from connector.ledger.run_records import StagedRows
from tests.ledger.runs import HOLDER, RUN, SCOPE, started_run

FIRST, SECOND = "audience-1", "audience-2"


def staged(ledger: Ledger, run_id: str, *batches: tuple[Action, str, bool]) -> None:
    """A run of one batch of five members each, delivered or not."""
    started_run(ledger, run_id, orchestration=run_id)
    records = [
        BatchRecord(number, Route("audience", audience_id, Operation(action)), "added.arrow", number, 5, 5, 5)
        for number, (action, audience_id, _) in enumerate(batches)
    ]
    ledger.runs.staged(run_id, StagedRows(5 * len(records), {}, {}, {}, records), holder=HOLDER)
    for number, (*_, is_delivered) in enumerate(batches):
        state, reason = ("delivered", None) if is_delivered else ("refused", "refused_by_tiktok")
        ledger.batches.settled(run_id, BatchSlice(number, 0, 5, 5, state, reason, whole=True, members=5))


def waiting(ledger: Ledger, audience_id: str, run_id: str) -> int:
    """An audience with one account that waits for a run."""
    key = ledger.members.audience(SCOPE, audience_id, audience_id, ["1"]).key
    for advertiser_ids in (["1"], ["1", "2"]):
        ledger.accounts.arrange(key, advertiser_ids, AccountState.SERVED)
    ledger.accounts.assign(key, run_id)
    return key


@pytest.mark.parametrize(
    ("batches", "state"),
    [
        ([(Action.RESEND, FIRST, True)], AccountState.SERVED),
        ([], AccountState.SERVED),
        ([(Action.RESEND, FIRST, False)], AccountState.WAITING),
        ([(Action.RESEND, FIRST, False), (Action.ADD, FIRST, True)], AccountState.WAITING),
        ([(Action.RESEND, FIRST, False), (Action.RESEND, SECOND, True)], AccountState.WAITING),
        ([(Action.ADD, FIRST, False)], AccountState.SERVED),
        ([(Action.RESEND, SECOND, False)], AccountState.SERVED),
    ],
    ids=["sent again", "no members", "refused", "only others added", "another audience", "additions refused", "not its own"],
)  # fmt: skip
def test_an_account_is_served_by_what_was_sent_again_to_its_own_audience(
    ledger: Ledger, batches: list[tuple[Action, str, bool]], state: AccountState
) -> None:
    staged(ledger, RUN, *batches)
    key = waiting(ledger, FIRST, RUN)
    ledger.accounts.served(key, FIRST, RUN)
    assert ledger.accounts.states(key) == {"1": AccountState.SERVED, "2": state}


def test_accounts_of_other_audiences_and_runs_go_on_waiting(ledger: Ledger) -> None:
    for run_id in (RUN, "later"):
        staged(ledger, run_id, (Action.RESEND, FIRST, True))
    first, second = waiting(ledger, FIRST, RUN), waiting(ledger, SECOND, RUN)
    for run_id in ("later", RUN):
        assert ledger.accounts.states(first)["2"] is AccountState.WAITING
        ledger.accounts.served(first, FIRST, run_id)
    assert ledger.accounts.states(first)["2"] is AccountState.SERVED
    assert ledger.accounts.states(second)["2"] is AccountState.WAITING
    ledger.accounts.leave(first)
    assert set(ledger.accounts.states(first).values()) == {AccountState.LEFT}
    assert set(ledger.accounts.states(second).values()) == {AccountState.SERVED, AccountState.WAITING}
