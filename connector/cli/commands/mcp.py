"""`connector mcp`: the project for assistants."""

from importlib.util import find_spec
from pathlib import Path

from connector.cli.failures import reported
from connector.cli.options import ProjectOptions, TargetOption, config_directory
from connector.core.version import install_hint
from connector.errors import UsageError


@reported
def mcp(target: TargetOption = None, *, options: ProjectOptions) -> None:
    """Answer an assistant on stdin and stdout, by the Model Context Protocol. Sends only if the project allows it."""
    if find_spec("mcp") is None:
        raise UsageError(f"The server needs another package: {install_hint('mcp')}.")
    from connector.mcp.server import Location, serve

    serve(Location(options.project or Path.cwd(), target, config_directory()))
