"""Who holds a run: nobody else may say how far it is."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, select

from connector.errors import LockedError
from connector.ledger.tables import locks, runs


def check_holder(connection: Connection, run_id: str, holder: str, *, changing: bool = False) -> None:
    """Both the run and the lock of its orchestration have to be the holder's, for whoever was thought dead may even
    have begun a run since. The run's row is kept as it is until the transaction ends; `changing` says that this one is
    to change it, and keeps others from reading it on the way to the same.

    Raises LockedError where another process has taken the run over.
    """
    now = connection.execute(_holders(changing), {"the_run": run_id}).one()
    if now.holder != holder or now.locked_by not in {holder, None}:
        where = now.lock_host or now.host
        raise LockedError(f"Run {run_id} was taken over by another process, on {where}; this one stops.")


@cache
def _holders(changing: bool) -> Select[Any]:
    same = (locks.c.orchestration == runs.c.orchestration) & (locks.c.target == runs.c.target)
    names = select(runs.c.holder, runs.c.host, locks.c.holder.label("locked_by"), locks.c.host.label("lock_host"))
    query = names.outerjoin(locks, same).where(runs.c.run_id == bindparam("the_run", type_=String))
    return query.with_for_update(read=not changing, key_share=changing, of=runs)
