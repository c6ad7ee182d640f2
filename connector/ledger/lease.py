"""The holder of a run, the only process that may change it."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, select

from connector.errors import LockedError
from connector.ledger.tables import locks, runs


def check_holder(connection: Connection, run_id: str, holder: str, *, changing: bool = False) -> None:
    """Raise LockedError if another process has taken over the run or the lock of its orchestration.

    The lock counts too: a process that was considered dead may even have started a new run since. The run's row is
    locked until the transaction ends; with `changing`, exclusively, for a transaction that changes it.
    """
    row = connection.execute(_holders(changing), {"the_run": run_id}).one()
    if row.holder != holder or row.locked_by not in {holder, None}:
        host = row.lock_host or row.host
        raise LockedError(f"Run {run_id} was taken over by another process, on {host}; this one stops.")


@cache
def _holders(changing: bool) -> Select[Any]:
    same = (locks.c.orchestration == runs.c.orchestration) & (locks.c.target == runs.c.target)
    names = select(runs.c.holder, runs.c.host, locks.c.holder.label("locked_by"), locks.c.host.label("lock_host"))
    query = names.outerjoin(locks, same).where(runs.c.run_id == bindparam("the_run", type_=String))
    return query.with_for_update(read=not changing, key_share=changing, of=runs)
