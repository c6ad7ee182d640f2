"""The rate of requests that all machines share: each takes places in one queue, by the clock of the ledger's server."""

from sqlalchemy import Row, text

from connector.ledger.database import Database

_NO_WAIT = "set_config('synchronous_commit', 'off', true) = 'off'"
"""True, and has the transaction not wait for the disk. A place that a crash forgets was taken by a process whose
requests of the last moments the crash held up as well."""
_TAKE = text(
    "UPDATE rates SET next = greatest(next, extract(epoch FROM clock_timestamp())) + :taken "
    f"WHERE key = :key AND {_NO_WAIT} RETURNING next - :taken - extract(epoch FROM clock_timestamp()) AS start"
)
_PUSH_BACK = text(
    "INSERT INTO rates (key, next) SELECT :key, extract(epoch FROM clock_timestamp()) + :seconds "
    f"WHERE {_NO_WAIT} ON CONFLICT (key) DO UPDATE SET next = greatest(rates.next, excluded.next)"
)


class Rates:
    """The table of rates, on PostgreSQL. Each method is one transaction; none of them waits for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, key: str, per_second: float, seconds: float = 0.1) -> tuple[int, float]:
        """Take the places of `seconds` and return their number, at least one, and in how many seconds the first begins.

        The others follow at equal distances. A place that is not used at its time is lost.
        """
        places = max(1, round(per_second * seconds))
        row = self._execute(key, places / per_second)
        if row is None:
            self.push_back(key, 0.0)
            row = self._execute(key, places / per_second)
        return places, max(0.0, float(row.start)) if row else 0.0

    def push_back(self, key: str, seconds: float) -> None:
        """Give no place for so many seconds from now on."""
        with self._database.single_statements() as connection:
            connection.execute(_PUSH_BACK, {"key": key, "seconds": seconds})

    def _execute(self, key: str, taken: float) -> Row[tuple[float]] | None:
        with self._database.single_statements() as connection:
            return connection.execute(_TAKE, {"key": key, "taken": taken}).one_or_none()
