"""What is sent in one request, and what can become of it.

```
          a            b
pending ────► sending ────► delivered
   ▲             │ c
   │      d      ├────────► refused
   ├─────────────┤ e
   │             └────────► unknown ──► sending (f)
```

a  a request is about to leave                   b  the service took every event
c  the service refuses this one event            d  certainly not taken; the run stops
e  no answer came: it may have been taken        f  sent again with the same ids, by a later run
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from connector.core.route import Route


class BatchState(StrEnum):
    """Where a batch, or a part of one, stands."""

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
"""The states that each state may become; the last two are final."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A fixed slice of a staged run, or a part of such a slice.

    `payload` holds the events' JSON objects joined by commas, without surrounding brackets, UTF-8.
    A part keeps the `number` of the batch it was cut from; `offset` says which event of that batch
    is its first. `row_numbers` gives the rows of the result that an event of it was made of, where they are known.
    """

    number: int
    route: Route
    events: int
    rows: int
    payload: bytes | memoryview
    offset: int = 0
    row_numbers: Callable[[int], list[int]] | None = None
