"""Wraps functions of the product from outside, so that measuring needs nothing within it.

What was wrapped stays wrapped: this is for processes of their own.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

Function = Callable[..., Any]
Around = Callable[[Function], Function]


def wrap(seam: str, around: Around) -> None:
    """Replaces the function at a seam, as in `package.module:Class.method`, by what `around` makes of it.

    Raises AttributeError or ImportError, which name it, where there is none any more.
    """
    owner, name = place(seam)
    setattr(owner, name, around(getattr(owner, name)))


def methods(seam: str) -> list[str]:
    """The seams of all public methods of a class, as in `package.module:Class`."""
    owner, name = place(seam)
    found = vars(getattr(owner, name))
    return [f"{seam}.{one}" for one, what in found.items() if callable(what) and not one.startswith("_")]


def place(seam: str) -> tuple[Any, str]:
    """What a seam's function belongs to, and its name there. Raises AttributeError or ImportError."""
    module, _, path = seam.partition(":")
    owner: Any = import_module(module)
    *outer, name = path.split(".")
    for one in outer:
        owner = getattr(owner, one)
    getattr(owner, name)
    return owner, name
