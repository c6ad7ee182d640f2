from connector.delivery.batch import TRANSITIONS, BatchState


def test_what_is_delivered_or_refused_stays_so() -> None:
    assert not TRANSITIONS[BatchState.DELIVERED]
    assert not TRANSITIONS[BatchState.REFUSED]


def test_every_other_state_leads_back_to_sending() -> None:
    assert BatchState.SENDING in TRANSITIONS[BatchState.PENDING] & TRANSITIONS[BatchState.UNKNOWN]


def test_every_state_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(BatchState)
