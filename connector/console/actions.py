"""Who acts in the console, and the audit of it, refused actions included."""

import socket
from collections.abc import Mapping
from typing import Any

from connector.config.project import Project
from connector.config.roles import Actor
from connector.console.visit import Visit
from connector.ledger.audit import Use
from connector.privacy.access import AccessGrant, check_access

VIA = "console"


def acting(visit: Visit) -> Actor:
    """Return who asks, for functions that check rights and write the audit by themselves."""
    return Actor(visit.visitor.user, VIA, visit.visitor.peer)


def allow(visit: Visit, project: Project, command: str, orchestration: str, run_id: str | None = None) -> AccessGrant:
    """Check that the visitor may use a command on an orchestration; the refusal is in the audit.

    The process that executes the command records its use. Raises AccessRefused.
    """
    return check_access(project.acting_for(acting(visit)), command, orchestration, run_id)


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
    """Add a line to the audit, if there is a project yet; `user` is whoever signs in, else the visitor.

    `detail` may name the keys that were changed, never their values.
    """
    if visit.console.source.is_empty:
        return
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
