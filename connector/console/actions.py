"""The audit of what users do in the console, refused actions included."""

import socket
from collections.abc import Mapping
from typing import Any

from connector.console.endpoint import Refused
from connector.console.visit import Visit
from connector.ledger.audit import Use
from connector.privacy.access import SENDING

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


def check_action(visit: Visit, command: str, action: str, orchestration: str, run_id: str | None = None) -> None:
    """Check that the visitor may use a command, as on the command line, and record the action, refused or not.

    Raises Refused.
    """
    rights, restrictions = visit.rights, visit.project.restrictions(orchestration)
    needs_pii = not (restrictions.pii and command in SENDING)
    is_allowed = rights.admin or (not restrictions.admin_only and (rights.pii or not needs_pii))
    record(visit, action, orchestration=orchestration, run_id=run_id, allowed=is_allowed)
    if not is_allowed:
        why = f"the destination {restrictions.destination} is for admins only"
        raise Refused(
            f'{visit.visitor.user} may not use `connector {command}` on "{orchestration}" under the target '
            f"{visit.project.target}: {why if restrictions.admin_only else 'it takes a role with pii: true'}. "
            "The roles are in orchestrations.yaml.",
            403,
        )
