"""Access control: who may use which command, recorded in the audit of the ledger."""

import socket
from dataclasses import dataclass

from connector.config.project import Project
from connector.config.roles import Restrictions, Rights, os_user, requires_admin, rights_of
from connector.errors import AccessRefused, ConfigurationError
from connector.ledger.audit import Use
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of

SENDING = ("run", "start", "resume", "retry")
"""The commands that send; of the others, `preview` and `rejects` show rows, and `forget` is about a person."""

RUNNING = (*SENDING, "stop", "pause", "unpause")
"""The commands that change which runs there are."""

_REMOVED = Restrictions("that it had, and that the file no longer names,", admin_only=True, pii=False)
"""Restrictions on the excluded rows of an orchestration that is no longer in the file."""


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """A use that the roles allow, to be recorded once the ledger is open."""

    use: Use

    def record(self, ledger: Ledger) -> int:
        """Record the use in the audit, and return the number of its line."""
        return ledger.audit.add(self.use)


def check_access(project: Project, command: str, orchestration: str | None, run_id: str | None = None) -> AccessGrant:
    """Check that the user may use `command` on an orchestration (None: on the whole project).

    That is the user of this process; if the project acts for somebody, both must be allowed. Raises AccessRefused after
    recording the refusal, ConfigurationError if there is no such orchestration.
    """
    restrictions = _restrictions(project, command, orchestration)
    user, refusal = project.user, None
    for user in dict.fromkeys([os_user(), project.user]):
        if refusal := _refusal(rights_of(user, project.roles), restrictions, command):
            break
    use = _use(project, command, orchestration, run_id, allowed=refusal is None)
    if refusal is None:
        return AccessGrant(use)
    with ledger_of(project) as ledger:
        ledger.audit.add(use)
    about = f' on "{orchestration}"' if orchestration else ""
    raise AccessRefused(
        f"{user} may not use `connector {command}`{about} under the target {project.target}: {refusal}. "
        "The roles are in orchestrations.yaml."
    )


def check_destination(project: Project, destination: str) -> None:
    """Check that the user may test a destination: only admins may test one with `admin_only`.

    Raises AccessRefused after recording the refusal, ConfigurationError if there is no such destination.
    """
    if not requires_admin(project, [destination]):
        return
    why = f"the destination {destination} is for admins only"
    _refuse(project, f"destinations test {destination}", f'test the destination "{destination}"', why)


def check_credential(project: Project, command: str, credential: str) -> None:
    """Check that the user may change a credential: only admins may if all its destinations have `admin_only`.

    Raises AccessRefused after recording the refusal, ConfigurationError.
    """
    if not requires_admin(project, project.destinations_of(credential)):
        return
    why = "every destination that it opens is for admins only"
    _refuse(project, f"{command} {credential}", f'{command} "{credential}"', why)


def _refuse(project: Project, command: str, what: str, why: str) -> None:
    with ledger_of(project) as ledger:
        ledger.audit.add(_use(project, command, None, None, allowed=False))
    raise AccessRefused(
        f"{project.user} may not {what} under the target {project.target}: {why}. The roles are in orchestrations.yaml."
    )


def _use(project: Project, command: str, orchestration: str | None, run_id: str | None, *, allowed: bool) -> Use:
    who = {} if (actor := project.actor) is None else {"actor": actor.user, "via": actor.via, "peer": actor.peer}
    return Use(os_user(), socket.gethostname(), command, orchestration, project.target, run_id, allowed=allowed, **who)


def _restrictions(project: Project, command: str, orchestration: str | None) -> Restrictions | None:
    if orchestration is None:
        return None
    try:
        return project.restrictions(orchestration)
    except ConfigurationError:
        if command != "rejects":
            raise
        return _REMOVED


def _refusal(rights: Rights, restrictions: Restrictions | None, command: str) -> str | None:
    """Return why the use is refused, or None if it is allowed."""
    sends_without_pii_right = command in RUNNING and restrictions is not None and restrictions.pii
    if rights.admin:
        return None
    if not rights.has_role:
        return "no role names them"
    if restrictions and restrictions.admin_only:
        return f"the destination {restrictions.destination} is for admins only"
    if rights.pii or sends_without_pii_right:
        return None
    is_sending = restrictions and command in RUNNING
    other = f", or a destination that has it, unlike {restrictions.destination}" if restrictions and is_sending else ""
    return f"it takes a role with pii: true{other}"
