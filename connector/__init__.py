"""Send the results of SQL queries to a destination, and report the outcome of every row."""

from typing import TYPE_CHECKING, Any

from connector.core.version import __version__

if TYPE_CHECKING:
    from connector.api import Project, Run, open_project, validate_project
    from connector.observer import Progress

__all__ = ["Progress", "Project", "Run", "__version__", "open_project", "validate_project"]


def __getattr__(name: str) -> Any:
    """Load the interface for Python when it is asked for: the command line starts without it."""
    if name not in __all__:
        raise AttributeError(f"module 'connector' has no attribute {name!r}")
    from connector import api

    return getattr(api, name)
