"""The version of the distribution, and how its extras are installed."""

__version__ = "0.1.0"


def extra(name: str) -> str:
    """Return an extra of the distribution as pip takes it."""
    return f"sql-to-tiktok[{name}]"


def install_hint(name: str) -> str:
    """Return the command that installs an extra of the distribution."""
    return f"pip install '{extra(name)}'"
