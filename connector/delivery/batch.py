"""A batch, which is sent in one request, and its states.

```
          a            b
pending ────► sending ────► delivered
   ▲             │ c
   │      d      ├────────► refused
   ├─────────────┤ e
   │             └────────► unknown ──► sending (f)
```

a  a request is about to be sent                 b  the service accepted every event
c  the service refused this single event         d  certainly not accepted; the run stops
e  no answer arrived: it may be accepted         f  a later run sends it again with the same ids
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from connector.core.route import Route


class BatchState(StrEnum):
    """The state of a batch, or of a part of one."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    UNKNOWN = "unknown"


TRANSITIONS = {
    BatchState.PENDING: frozenset({BatchState.SENDING}),
    BatchState.SENDING: frozenset({BatchState.PENDING, BatchState.DELIVERED, BatchState.REFUSED, BatchState.UNKNOWN}),
    BatchState.UNKNOWN: frozenset({BatchState.SENDING}),
    BatchState.DELIVERED: frozenset[BatchState](),
    BatchState.REFUSED: frozenset[BatchState](),
}
"""The states that may follow each state; the last two are final."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A fixed slice of a staged run, or a part of such a slice."""

    number: int
    """The number of the batch in its run; a part keeps the number of the batch that it was cut from."""
    route: Route
    """The destination's resource that the batch goes to."""
    events: int
    """The number of its events."""
    rows: int
    """The number of rows of the result that its events were made of."""
    payload: bytes | memoryview
    """Its events, as the codec of the destination encodes them; for requests JSON objects joined by commas."""
    offset: int = 0
    """The position of its first event in the batch that it was cut from."""
    row_numbers: Callable[[int], list[int]] | None = None
    """Returns the numbers of the rows that one event was made of; None if they are unknown."""
