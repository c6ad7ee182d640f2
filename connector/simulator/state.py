"""What a simulator keeps in a file between processes: keys of events, and audiences. It holds digests alone.

Several processes may share the file. Each request is one transaction, committed before it is answered, so that a
process that is killed loses nothing that it answered.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from threading import RLock

from connector.core.disk import make_private_file, make_private_folder
from connector.errors import ConnectorError
from connector.simulator.audience import Audience
from connector.simulator.dedup_window import DUPLICATE_SECONDS, Admission, DedupWindow, stamp_of

SECONDS = 60.0
"""The longest wait for another process."""

_TABLES = """
CREATE TABLE IF NOT EXISTS events (key INTEGER PRIMARY KEY, stamp INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS audiences (audience_id TEXT PRIMARY KEY, version INTEGER NOT NULL, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS members (
    audience_id TEXT, account TEXT, id_schema TEXT, digest BLOB, PRIMARY KEY (audience_id, account, id_schema, digest)
) WITHOUT ROWID;
"""
_FIELDS = ("name", "advertiser", "created", "sizes", "history", "locked_until")


class StateFile:
    """A connection to the file; one thread at a time. Raises ConnectorError for a file that is damaged."""

    def __init__(self, path: Path) -> None:
        self.lock = RLock()
        make_private_folder(path.parent)
        make_private_file(path)
        self._connection = sqlite3.connect(path, SECONDS, isolation_level=None, check_same_thread=False)
        try:
            # A process that is killed loses nothing: the system has what was written.
            self._connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {_TABLES}")
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise ConnectorError(
                f"The simulator's file {path} cannot be read ({error}). "
                "Forget what is in it with `connector run NAME --fresh`."
            ) from None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction that is the only one to write."""
        with self.lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        with self.lock, closing(self._connection):
            pass


class StoredWindow:
    """A `DedupWindow` in a file."""

    def __init__(self, file: StateFile, now: float) -> None:
        self._file = file
        with file.writing() as connection:
            connection.execute("DELETE FROM events WHERE stamp < ?", (stamp_of(now - DUPLICATE_SECONDS),))

    @staticmethod
    def key(*parts: object) -> int:
        """Return a key that is the same in every process."""
        digest = blake2b("\0".join(map(str, parts)).encode(errors="surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)

    def admit(self, keys: list[int | None], carried: list[int], now: float) -> Admission:
        """See `DedupWindow.admit`."""
        known = [key for key in keys if key is not None]
        with self._file.writing() as connection:
            marks = ",".join("?" * len(known))
            before = dict(connection.execute(f"SELECT key, stamp FROM events WHERE key IN ({marks})", known))
            window = DedupWindow(recent=len(keys) + len(before))
            window.recent.update(before)
            admission = window.admit(keys, carried, now)
            changed = [entry for entry in window.recent.items() if before.get(entry[0]) != entry[1]]
            connection.executemany("INSERT OR REPLACE INTO events VALUES (?, ?)", changed)
        return admission


class StoredAudiences:
    """Audiences in a file. Those of `audiences` are current within `open`."""

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._versions: dict[str, tuple[int, str]] = {}
        """The version and the content of each audience as it is in the file."""
        self.audiences: dict[str, Audience] = {}

    @contextmanager
    def open(self) -> Iterator[dict[str, Audience]]:
        """Open a transaction: load what other processes changed, and store what the block changes."""
        with self._file.writing() as connection:
            self._load(connection)
            try:
                yield self.audiences
                self._store(connection)
            except BaseException:
                # What the block did is undone by loading everything again.
                self._versions.clear()
                raise

    def _load(self, connection: sqlite3.Connection) -> None:
        versions = dict(connection.execute("SELECT audience_id, version FROM audiences"))
        for audience_id in self.audiences.keys() - versions.keys():
            del self.audiences[audience_id]
        for audience_id, version in versions.items():
            if self._versions.get(audience_id, (None,))[0] != version:
                self.audiences[audience_id] = self._read(connection, audience_id, version)

    def _read(self, connection: sqlite3.Connection, audience_id: str, version: int) -> Audience:
        query = "SELECT content FROM audiences WHERE audience_id = ?"
        ((content,),) = connection.execute(query, (audience_id,)).fetchall()
        self._versions[audience_id] = version, content
        fields = dict(zip(_FIELDS, json.loads(content), strict=True))
        for name in ("sizes", "history"):
            fields[name] = list(map(tuple, fields[name]))
        audience = Audience(audience_id, **fields, changes=set())
        query = "SELECT account, id_schema, digest FROM members WHERE audience_id = ?"
        for account, schema, digest in connection.execute(query, (audience_id,)):
            audience.members_of(account).setdefault(schema, set()).add(digest)
        return audience

    def _store(self, connection: sqlite3.Connection) -> None:
        for audience_id in self._versions.keys() - self.audiences.keys():
            del self._versions[audience_id]
            connection.execute("DELETE FROM audiences WHERE audience_id = ?", (audience_id,))
            connection.execute("DELETE FROM members WHERE audience_id = ?", (audience_id,))
        for audience in self.audiences.values():
            self._store_audience(connection, audience)

    def _store_audience(self, connection: sqlite3.Connection, audience: Audience) -> None:
        version, before = self._versions.get(audience.audience_id, (0, ""))
        content = json.dumps([getattr(audience, name) for name in _FIELDS])
        if content == before and not audience.changes:
            return
        self._versions[audience.audience_id] = version + 1, content
        row = (audience.audience_id, version + 1, content)
        connection.execute("INSERT OR REPLACE INTO audiences VALUES (?, ?, ?)", row)
        changed = [(audience.audience_id, *change) for change in audience.changes or ()]
        present = [one for one in changed if one[3] in audience.members_of(one[1]).get(one[2], ())]
        connection.executemany(
            "DELETE FROM members WHERE audience_id = ? AND account = ? AND id_schema = ? AND digest = ?", changed
        )
        connection.executemany("INSERT INTO members VALUES (?, ?, ?, ?)", present)
        audience.changes = set()
