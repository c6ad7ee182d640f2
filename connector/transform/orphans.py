"""Orphan rows: rejected rows of which the order or the event id is known, but not the event that they are lines of.

A row without a time that can be read, or without an event name, has no key. It may be a line of every event that agrees
with it in the rest, so none of these events is known to be whole.
"""

from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.embedded import connect_isolated
from connector.hashed import HashedEvents
from connector.route import Route
from connector.transform.sql.text import ID_LENGTH, quote
from connector.transform.sql.times import local_day

Numbers = npt.NDArray[np.uint64]

_SEPARATOR = "chr(31)"
_PATHS = "['$.event', '$.event_time', '$.event_id', '$.properties.order_id', '$.properties.shop_id']"
_NAMES = ("event", "event_time", "event_id", "order_id", "shop_id")
_IS_DERIVED = f"order_id IS NOT NULL AND regexp_full_match(event_id, '[0-9a-f]{{{ID_LENGTH}}}')"
_ANY = "NULL"


def number_by_event_id(source: str, source_id: str, event_id: str) -> str:
    """Return the SQL of the number of rows that give this event id, and no event name."""
    return _number("'event_id'", source, source_id, event_id)


def number_by_order(source: str, source_id: str, event: str, day: str, order_id: str, shop_id: str) -> str:
    """Return the SQL of the number of rows of an order; `event` and `day` are NULL where they are not known."""
    return _number("'order_id'", source, source_id, event, day, order_id, shop_id)


def _number(*parts: str) -> str:
    return f"md5_number_lower(concat({f', {_SEPARATOR}, '.join(parts)}))"


def _numbers_sql(route: Route, timezone: str) -> str:
    """The numbers that rows have which may be lines of an event, from the `text` of its head."""
    place = quote(route.resource_type), quote(route.resource_id)
    day, order = local_day("event_time::BIGINT", timezone), ("order_id", "shop_id")
    orders = (number_by_order(*place, *known, *order) for known in (("event", _ANY), (_ANY, day), (_ANY, _ANY)))
    numbers = [number_by_event_id(*place, "event_id"), *(f"CASE WHEN {_IS_DERIVED} THEN {one} END" for one in orders)]
    read = "CASE WHEN json_valid(text || '}}') THEN json_extract_string(text || '}}', " + _PATHS + ") END"
    named = ", ".join(f"found[{place}] AS {name}" for place, name in enumerate(_NAMES, 1))
    shown = ", ".join(f"{number} AS n{place}" for place, number in enumerate(numbers))
    return f"SELECT {shown} FROM (SELECT {named} FROM (SELECT {read} AS found FROM heads))"


class OrphanSearch:
    """Find the events to which orphan rows may belong. Not for use from several threads at once."""

    def __init__(self, timezone: str) -> None:
        self._timezone = timezone
        self._connection = connect_isolated()
        self._connection.execute("SET TimeZone = 'UTC'")

    def may_lack_rows(self, events: HashedEvents, orphans: Numbers) -> npt.NDArray[np.bool_]:
        """Tell of each event whether one of the rows with the numbers `orphans` may be a line of it."""
        self._connection.register("heads", pa.table({"text": events.table["head"]}))
        numbers = self._connection.sql(_numbers_sql(events.route, self._timezone)).to_arrow_table()
        flags = np.zeros(events.table.num_rows, np.bool_)
        for column in numbers.columns:
            known = column.combine_chunks()
            flags |= np.isin(known.fill_null(0).to_numpy(), orphans) & known.is_valid().to_numpy(zero_copy_only=False)
        return flags

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
