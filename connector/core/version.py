"""The version of the distribution, and how its extras are installed."""

__version__ = "0.1.0"
DISTRIBUTION = "sql-to-tiktok"


def extra(name: str) -> str:
    """Return an extra of the distribution as pip takes it."""
    return f"{DISTRIBUTION}[{name}]"


def install_hint(name: str) -> str:
    """Return the command that installs an extra of the distribution."""
    return f"pip install '{extra(name)}'"
