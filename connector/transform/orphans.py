"""Find the events to which orphan rows may belong: rejected rows of an order whose event is unknown.

Where an event's id is derived from the order, it includes the day. A row without a time that can be read has no key,
and may be a line of the order's event of any day: none of these events is known to be whole.
"""

from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.core.duckdb_connection import connect_isolated
from connector.core.hashed_rows import HashedEvents
from connector.core.route import Route
from connector.transform.sql.text import ID_LENGTH, quote

Numbers = npt.NDArray[np.uint64]

_SEPARATOR = "chr(31)"
_NAMES = ("event", "event_id", "order_id", "shop_id")
_PATHS = "['$.event', '$.event_id', '$.properties.order_id', '$.properties.shop_id']"
_IS_DERIVED = f"order_id IS NOT NULL AND regexp_full_match(event_id, '[0-9a-f]{{{ID_LENGTH}}}')"


def order_number(source: str, source_id: str, event: str, order_id: str, shop_id: str) -> str:
    """Return the SQL of 64 bits of an order, whatever the day."""
    return f"md5_number_lower(concat({f', {_SEPARATOR}, '.join((source, source_id, event, order_id, shop_id))}))"


def _orders_sql(route: Route) -> str:
    """Return the SQL for the numbers of the orders from which ids of events are derived, from the `text` of heads."""
    number = order_number(quote(route.resource_type), quote(route.resource_id), "event", "order_id", "shop_id")
    read = "CASE WHEN json_valid(text || '}}') THEN json_extract_string(text || '}}', " + _PATHS + ") END"
    named = ", ".join(f"found[{place}] AS {name}" for place, name in enumerate(_NAMES, 1))
    of_orders = f"SELECT CASE WHEN {_IS_DERIVED} THEN {number} END AS number"
    return f"{of_orders} FROM (SELECT {named} FROM (SELECT {read} AS found FROM heads))"


class OrphanSearch:
    """Finds the events to which orphan rows may belong. Not for use from several threads at once."""

    def __init__(self) -> None:
        self._connection = connect_isolated()

    def may_lack_rows(self, events: HashedEvents, orphans: Numbers) -> npt.NDArray[np.bool_]:
        """Return a flag for each event: true if one of the rows with the numbers `orphans` may be a line of it."""
        self._connection.register("heads", pa.table({"text": events.table["head"]}))
        orders = self._connection.sql(_orders_sql(events.route)).to_arrow_table()["number"].combine_chunks()
        is_order = orders.is_valid().to_numpy(zero_copy_only=False)
        return np.asarray(np.isin(orders.fill_null(0).to_numpy(), orphans) & is_order)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
