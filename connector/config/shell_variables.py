"""Secrets written as a shell writes a variable, which nobody fills in here."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from connector.config.nodes import Node

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_WHOLE = re.compile(
    rf"\$(?P<bare>{_NAME})"
    rf"|\$\{{(?:env[:.])?(?P<braced>{_NAME})(?::?[-=?+].*)?\}}"
    rf"|\$\{{\{{\s*(?:env|secrets|vars)\.(?P<workflow>{_NAME})\s*\}}\}}"
    rf"|\$\((?P<called>{_NAME})\)"
    r"|\$\((?P<command>.+)\)"
    rf"|\$env:(?P<powershell>{_NAME})"
    r"|%(?P<percent>[A-Z_][A-Z0-9_]*)%",
    re.DOTALL,
)
_BRACED = re.compile(rf"\$\{{(?P<braced>{_NAME})\}}")
_BARE = re.compile(r"\$(?P<bare>[A-Z_][A-Z0-9_]*)")


def shell_variable(value: object) -> str | None:
    """Return the name in a value written as a shell variable; `NAME` for a command, and for what could be a secret.

    A secret that only contains a `$` is none; within a URL, `${NAME}` anywhere and a user or password `$NAME` are.
    """
    if not isinstance(value, str):
        return None
    found = _WHOLE.fullmatch(value.strip()) or (_in_url(value) if "://" in value else None)
    if found is None:
        return None
    if found.groupdict().get("command"):
        return "NAME"
    name = next(name for name in found.groups() if name)
    # "$ecret1" may be a password, "$TIKTOK_TOKEN" and "${token}" are not.
    return name if "bare" not in found.groupdict() or not found["bare"] or name == name.upper() else "NAME"


def shell_variables(node: Node) -> Iterator[tuple[Node, str]]:
    """Yield each text below a node that is written as a shell variable, and what to write instead of it."""
    if name := shell_variable(node.value):
        yield node, name
    for child in node.children():
        yield from shell_variables(child)


def _in_url(value: str) -> re.Match[str] | None:
    if found := _BRACED.search(value):
        return found
    try:
        user, _, password = urlsplit(value).netloc.rpartition("@")[0].partition(":")
    except ValueError:
        return None
    return _BARE.fullmatch(password) or _BARE.fullmatch(user)
