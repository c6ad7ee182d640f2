"""Whether somebody may do what they ask for, and a line in the ledger that says so."""

import socket
from dataclasses import dataclass

from connector.config.project import Project
from connector.config.roles import Restrictions, Rights, is_for_others, os_user, rights_of
from connector.errors import AccessRefused, ConfigurationError
from connector.ledger.audit import Use
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of

SENDING = ("run", "start", "resume", "retry")
"""The commands that send; of the others, `preview` and `rejects` show rows, and `forget` is about a person."""

_GONE = Restrictions("that it had, and that the file no longer names,", admin_only=True, pii=False)
"""What is asked for the rows that a run of an orchestration left out which is no longer in the file."""


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """A use that the roles allow. It is written down once there is a ledger to write it in."""

    use: Use

    def record(self, ledger: Ledger) -> int:
        """Writes the line, and gives its number."""
        return ledger.audit.add(self.use)


def check_access(project: Project, command: str, orchestration: str | None, run_id: str | None = None) -> AccessGrant:
    """Whether the user of this process may use `command` on an orchestration (None: on the whole project).

    Raises AccessRefused, having written that down; ConfigurationError where there is no such orchestration.
    """
    user = os_user()
    rights, asked = rights_of(user, project.roles), _restrictions(project, command, orchestration)
    refusal = _refusal(rights, asked, command)
    use = Use(user, socket.gethostname(), command, orchestration, project.target, run_id, allowed=refusal is None)
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
    """Tell whether the user may check a destination: one with `admin_only` is for admins.

    Raises AccessRefused, having written that down; ConfigurationError where there is no such destination.
    """
    if not is_for_others(project, [destination]):
        return
    why = f"the destination {destination} is for admins only"
    _refuse(project, f"destinations test {destination}", f'test the destination "{destination}"', why)


def check_credential(project: Project, command: str, credential: str) -> None:
    """Tell whether the user may change a credential: one that opens destinations with `admin_only` alone is for admins.

    Raises AccessRefused, having written that down; ConfigurationError.
    """
    if not is_for_others(project, project.destinations_of(credential)):
        return
    why = "every destination that it opens is for admins only"
    _refuse(project, f"{command} {credential}", f'{command} "{credential}"', why)


def _refuse(project: Project, command: str, what: str, why: str) -> None:
    user = os_user()
    with ledger_of(project) as ledger:
        ledger.audit.add(Use(user, socket.gethostname(), command, None, project.target, None, allowed=False))
    raise AccessRefused(
        f"{user} may not {what} under the target {project.target}: {why}. The roles are in orchestrations.yaml."
    )


def _restrictions(project: Project, command: str, orchestration: str | None) -> Restrictions | None:
    if orchestration is None:
        return None
    try:
        return project.restrictions(orchestration)
    except ConfigurationError:
        if command != "rejects":
            raise
        return _GONE


def _refusal(rights: Rights, asked: Restrictions | None, command: str) -> str | None:
    """Why not; None: nothing is against it."""
    sends_anonymously = command in SENDING and asked is not None and asked.pii
    if rights.admin:
        return None
    if not rights.known:
        return "no role names them"
    if asked and asked.admin_only:
        return f"the destination {asked.destination} is for admins only"
    if rights.pii or sends_anonymously:
        return None
    other = f", or a destination that has it, unlike {asked.destination}" if asked and command in SENDING else ""
    return f"it takes a role with pii: true{other}"
