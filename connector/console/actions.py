"""The audit of what users do in the console, refused actions included."""

import socket
from collections.abc import Mapping
from typing import Any

from connector.console.visit import Visit
from connector.ledger.audit import Use

VIA = "console"


def record(
    visit: Visit,
    command: str,
    *,
    orchestration: str | None = None,
    run_id: str | None = None,
    allowed: bool = True,
    user: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add a line to the audit; `user` is whoever signs in, else the visitor.

    `detail` may name the keys that were changed, never their values.
    """
    peer = visit.request.client.host if visit.request.client else None
    use = Use(
        visit.console.owner,
        socket.gethostname(),
        command,
        orchestration,
        visit.project.target,
        run_id,
        allowed=allowed,
        actor=user or visit.visitor.user,
        via=VIA,
        peer=peer,
        detail=detail,
    )
    visit.ledger.audit.add(use)
