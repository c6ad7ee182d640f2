"""CPU time of the product's inner loops, in units of a piece of work that stays the same.

The piece is a query of DuckDB's over the same rows, of the kind that a transform consists of: what makes the processor
slower, or shares it, does so for both, which are run in turns. The least of several measurements is what the work
takes when nothing comes between.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks import transform_alone
from benchmarks.data import TABLE, purchases
from benchmarks.project import project_folder
from connector.destinations.guard import breach_of_events

ROWS = 20_000
REPETITIONS = 9
_LOOKS = 4
"""How often each body is looked at: once is too short to be measured."""
UNREACHED = "http://127.0.0.1:9"

_PIECE = f"""
WITH twice AS (FROM {TABLE} UNION ALL FROM {TABLE})
, texts AS (
    SELECT email, concat(
        '{{"event":"', order_id, '","user":{{"email":"', sha256(lower(trim(email))), '","phone":"',
        sha256(regexp_replace(phone, '[^0-9+]', '', 'g')), '"}},"contents":[{{"content_id":"', content_id,
        '","content_name":"', replace(content_name, '"', '\\"'), '","price":', price, ',"quantity":', quantity, '}}]}}'
    ) AS text
    FROM twice
)
SELECT
    sum(strlen(text)), count(DISTINCT md5(text))
    , count(*) FILTER (regexp_full_match(trim(lower(email)), '[^@ ]+@[^@ .]+[.][^@ ]+'))
FROM texts
"""


@dataclass(frozen=True, slots=True)
class Ratios:
    """How many times as long as the piece of work it takes to transform ROWS rows, and to look at their bodies."""

    transform: float
    last_look: float

    def least(self, other: "Ratios") -> "Ratios":
        """Of each the smaller one of two measurements."""
        return Ratios(min(self.transform, other.transform), min(self.last_look, other.last_look))


def measure_ratios(data: Path) -> Ratios:
    """On one thread each, in turns."""
    file = purchases(data, ROWS)
    table = transform_alone.arrow_table(file)
    with project_folder(file, UNREACHED) as directory:
        compiled = transform_alone.compiled_for(directory, table.schema)
    bodies = list(transform_alone.bodies(table, compiled, 1))

    def look() -> None:
        for body in bodies * _LOOKS:
            if breach_of_events(body):
                raise ValueError("a body of made-up rows is held back")

    with _piece(table) as piece:
        works = (piece, lambda: transform_alone.columnar(table, compiled, 1), look)
        least = _least_of_each(works)
    return Ratios(least[1] / least[0], least[2] / least[0])


@contextmanager
def _piece(table: pa.Table) -> Iterator[Callable[[], object]]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register(TABLE, table)
        yield lambda: connection.sql(_PIECE).fetchall()


def _least_of_each(works: tuple[Callable[[], object], ...]) -> list[float]:
    """CPU seconds. Python's garbage collector would come by now and then, and for one of them alone."""
    least = [float("inf")] * len(works)
    gc.disable()
    try:
        for _ in range(REPETITIONS):
            for place, work in enumerate(works):
                started = time.process_time()
                work()
                least[place] = min(least[place], time.process_time() - started)
    finally:
        gc.enable()
    return least
