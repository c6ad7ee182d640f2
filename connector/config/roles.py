"""Roles: what users of the operating system may do."""

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
    """Users, and their rights in addition to those of everybody with a role."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    users: Words = ()
    """Users of the operating system. `"*"` is everybody, `"#1234"` a user id without a name."""
    admin: Switch = False
    """If `true`: everything, including `pii` and destinations with `admin_only`."""
    pii: Switch = False
    """If `true`: to send, and to see what identifies people."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for what this process does, if that is not simply the user who started it."""

    user: str
    """The name of the user, whose rights count besides those of the user of the process."""
    via: str | None = None
    """The way by which the user asks, such as `console`."""
    peer: str | None = None
    """The address from which the user asks."""
    launch: str | None = None
    """The id of the launch that this process executes."""


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of a user."""

    has_role: bool
    """True if any role names the user."""
    admin: bool
    """Everything, including `pii`."""
    pii: bool
    """To send, and to see personal data."""


@dataclass(frozen=True, slots=True)
class Restrictions:
    """The requirements of a destination on its users."""

    destination: str
    admin_only: bool
    pii: bool
    """True if users without the right to see personal data may send to it."""


def has_roles(root: Node) -> bool:
    """Return whether the file names any role."""
    roles = root.child("roles")
    return roles is not None and isinstance(roles.value, dict) and bool(roles.value)


def rights_of(user: str, roles: Mapping[str, Role]) -> Rights:
    """Return the rights of all roles that name the user. Without any roles, everybody has all rights."""
    if not roles:
        return Rights(has_role=True, admin=True, pii=True)
    own = [role for role in roles.values() if user in role.users or EVERYBODY in role.users]
    admin = any(role.admin for role in own)
    return Rights(bool(own), admin, admin or any(role.pii for role in own))


def requires_admin(project: "Project", destinations: Sequence[str]) -> bool:
    """Return true if all these destinations are for admins only and the user is no admin."""
    admin_only = [project.restrictions_of(name).admin_only for name in destinations]
    users = {os_user(), project.user}
    return bool(admin_only) and all(admin_only) and not all(rights_of(user, project.roles).admin for user in users)


def os_user() -> str:
    """Return the name of the user who runs this process, by its real user id; `#1234` if the id has no name."""
    import pwd

    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"
