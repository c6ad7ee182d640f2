"""Who may do what, by the names that the operating system knows people by."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from connector.config.fields import Switch, Words
from connector.config.nodes import Node
from connector.config.settings import Settings

if TYPE_CHECKING:
    from connector.config.project import Project

EVERYBODY = "*"

WITHOUT_ROLES = "restricts nobody, because the project has no roles; add a role with admin: true, or remove it"
"""The problem with `admin_only` in a project without roles."""


class Role(Settings):
    """Users, and what they may do beyond what everybody with a role may."""

    filled_in: ClassVar[frozenset[str]] = frozenset()

    users: Words = ()
    """Users of the operating system. `"*"` is everybody, `"#1234"` a user id without a name."""
    admin: Switch = False
    """If `true`: everything, including `pii` and destinations with `admin_only`."""
    pii: Switch = False
    """If `true`: to send, and to see what identifies people."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do: `known` is whether any role names them, `admin` includes `pii`."""

    known: bool
    admin: bool
    pii: bool


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What a destination asks of those who use it: `pii` lets those send to it who may not see who anybody is."""

    destination: str
    admin_only: bool
    pii: bool


def has_roles(root: Node) -> bool:
    """Return whether the file names any role."""
    roles = root.child("roles")
    return roles is not None and isinstance(roles.value, dict) and bool(roles.value)


def rights_of(user: str, roles: Mapping[str, Role]) -> Rights:
    """The rights of all roles that name the user, together; where there are no roles, all rights."""
    if not roles:
        return Rights(known=True, admin=True, pii=True)
    own = [role for role in roles.values() if user in role.users or EVERYBODY in role.users]
    admin = any(role.admin for role in own)
    return Rights(bool(own), admin, admin or any(role.pii for role in own))


def is_for_others(project: "Project", destinations: Sequence[str]) -> bool:
    """Return whether all these destinations are for admins, and the user of this process is none."""
    asked = [project.restrictions_of(name).admin_only for name in destinations]
    return bool(asked) and all(asked) and not rights_of(os_user(), project.roles).admin


def os_user() -> str:
    """Return who runs this process, by its real user id, whatever the environment says; `#1234` if it has no name."""
    import pwd

    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"
