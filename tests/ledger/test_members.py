"""The members of an audience by shares: many in one query, of a small audience only."""

from connector.ledger.ledger import Ledger
from connector.ledger.member_records import MemberPartition
from connector.ledger.run_records import Scope

SHARES = {("email", number): MemberPartition(bytes([number]) * 32, b"b" * 64) for number in range(64)}


def audience_in(ledger: Ledger, audience_id: str = "123") -> int:
    return ledger.members.audience(Scope("local", "simulator"), audience_id, "VIP", ["7654321098765432109"]).key


def test_doubtful_identifiers_count_for_the_size_of_an_audience(ledger: Ledger) -> None:
    audience, other = audience_in(ledger), audience_in(ledger, "456")
    assert ledger.members.all_partitions(audience, 0) == {}
    ledger.members.replace(audience, SHARES)
    ledger.members.replace(other, {("phone", 0): MemberPartition(b"c" * 32)})
    assert ledger.members.all_partitions(audience, 3 * 64) == SHARES
    assert ledger.members.all_partitions(audience, 3 * 64 - 1) is None


def test_shares_are_replaced_and_others_stay(ledger: Ledger) -> None:
    audience = audience_in(ledger)
    ledger.members.replace(audience, SHARES)
    changed = {("email", 0): MemberPartition(b"x" * 32), ("phone", 5): MemberPartition(b"y" * 32)}
    ledger.members.replace(audience, {**changed, ("email", 1): MemberPartition()})
    expected = {place: share for place, share in {**SHARES, **changed}.items() if place != ("email", 1)}
    assert ledger.members.all_partitions(audience, 1_000) == expected
    assert ledger.members.partition(audience, "email", 1) == MemberPartition()
    (record,) = ledger.members.audiences()
    assert record.members == {"email": 63, "phone": 1}
