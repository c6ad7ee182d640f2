"""The tools of `connector mcp`. Nothing they return identifies a person, and only one of them can send."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from connector.api import Project, open_project, validate_project
from connector.config.project import file_target
from connector.core.secret_registry import without_secrets, without_secrets_in_texts
from connector.core.version import __version__
from connector.errors import ConnectorError, UsageError
from connector.mcp.arguments import strict_tool
from connector.mcp.pages import EXCERPT, page_names, read_page, search_pages
from connector.reporting.rejects import read_rejects

if TYPE_CHECKING:
    from connector.inspection.validate import Validation

INSTRUCTIONS = (
    "The connector sends the result of SQL queries to TikTok, as orchestrations.yaml of a project says. Look before "
    "sending: validate, compile, preview and plan send nothing. Every row is accounted for: read = delivered + "
    "rejected + skipped + pending, with a reason for each row that was not delivered. search_docs and read_doc have "
    "the manual. The tool run exists only if the project allows it."
)
MOST_ROWS = 200
"""The most rejected rows that a tool returns."""

Name = Annotated[str, Field(description="The name of the orchestration.")]
RunId = Annotated[str, Field(description="The id of the run, its beginning, or `latest`.")]
Answer = dict[str, Any]
_P = ParamSpec("_P")


@dataclass(slots=True)
class Location:
    """The folder of a project, and the target that its tools use."""

    folder: Path
    target: str | None = None
    """The target of --target, else that of the file when it was first read, whatever the file says later."""
    config_directory: Path | None = None

    def pin_target(self) -> None:
        """Keep the target that the file names, unless there is one already or the file names none that exists."""
        self.target = self.target or file_target(self.config_directory or self.folder)

    def open(self) -> Project:
        """Open the project as its files are now. Raises ConfigurationError."""
        self.pin_target()
        return open_project(self.folder, target=self.target, config_directory=self.config_directory)

    def validate(self, name: str | None = None) -> "Validation":
        """Validate the project as its files are now."""
        self.pin_target()
        return validate_project(self.folder, name, target=self.target, config_directory=self.config_directory)


class Tools:
    """The tools of a project, which is opened for each call, so that an edited file counts at once."""

    def __init__(self, location: Location, stop: threading.Event) -> None:
        self._location, self._open, self._stop = location, location.open, stop

    def orchestrations(self) -> Answer:
        """List the orchestrations of the project, and where each sends to."""
        project = self._open()
        valid = {one.name: one for one in self._location.validate().orchestrations}
        entries = [
            {"name": name, "valid": True, "destination": valid[name].destination, "sends": valid[name].event_source}
            if name in valid
            else {"name": name, "valid": False}
            for name in project.orchestrations
        ]
        return {"target": project.target, "orchestrations": entries}

    def validate(
        self,
        name: Annotated[
            str | None, Field(description="The orchestration, with its parameters; without it, all.")
        ] = None,
    ) -> Answer:
        """Check the project's files and list every mistake, with its file and line. Opens no connection."""
        validation = self._location.validate(name)
        problems = [replace(problem, file=self._relative(problem.file)).as_json() for problem in validation.problems]
        entries = [one.as_json() for one in validation.orchestrations]
        if name is None:
            entries = [{key: value for key, value in entry.items() if key != "parameters"} for entry in entries]
        return {"valid": not problems, "target": validation.target, "problems": problems, "orchestrations": entries}

    def _relative(self, file: Path | None) -> Path | None:
        folder = self._location.folder.absolute()
        return file.relative_to(folder) if file and file.is_relative_to(folder) else file

    def compile(self, name: Name) -> Answer:
        """Return the SQL of a run: the query, and the transform of its result. Asks the warehouse for the columns."""
        compiled = self._open().compile(name)
        return {"query": compiled.query, "files": compiled.files, "transform": compiled.transform}

    def preview(
        self, name: Name, rows: Annotated[int, Field(ge=1, le=20, description="How many events.")] = 3
    ) -> Answer:
        """Return the first requests as TikTok would get them, hashed, and the first excluded rows. Sends nothing."""
        return self._open().preview(name, rows).as_json()

    def plan(self, name: Name) -> Answer:
        """Read and check the whole result, and count what a run would send. Sends nothing."""
        return self._open().plan(name).as_json()

    def runs(
        self,
        name: Annotated[str | None, Field(description="The orchestration; without it, all.")] = None,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
    ) -> Answer:
        """List past runs, latest first: status, rows by outcome, reasons."""
        return {"runs": [run.as_json() for run in self._open().runs(name, limit=limit)]}

    def run_details(self, run_id: RunId) -> Answer:
        """Return a run with its timeline, examples of rejected rows, requests, match coverage, freshness and value."""
        details = self._open().details(run_id)
        return {**details.record.as_json(), **details.as_json()}

    def rejects(
        self,
        run_id: RunId,
        reason: Annotated[str | None, Field(description="A reason or skip; without it, all rejected rows.")] = None,
        limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 50,
    ) -> Answer:
        """Return rejected rows of a run with their reasons, without identifiers. The audit records it."""
        record, batches = read_rejects(self._open().settings, run_id, reason)
        rows = list(islice((row for batch in batches for row in batch.to_pylist()), limit))
        return {"run_id": record.run_id, "rejects": record.rejects, "skips": record.skips, "rows": rows}

    def search_docs(
        self, query: Annotated[str, Field(description="A few words.")], limit: Annotated[int, Field(ge=1, le=20)] = 5
    ) -> Answer:
        """Search the manual of the connector. Each result is the beginning of a section of a page."""
        sections = search_pages(query, limit)
        found = [{"page": one.page, "heading": one.heading, "text": one.text[:EXCERPT]} for one in sections]
        return {"sections": found, **({} if found else {"pages": page_names()})}

    def read_doc(self, page: Annotated[str, Field(description="A page, such as `how-to/queries.md`.")]) -> Answer:
        """Return a page of the manual."""
        return {"page": page, "text": read_page(page)}

    def run(
        self,
        name: Name,
        limit: Annotated[int | None, Field(ge=1, description="Read only so many rows.")] = None,
        test_event_code: Annotated[str | None, Field(description="Send test events, which count nowhere.")] = None,
    ) -> Answer:
        """Run an orchestration: SEND its result, and report every row. Refuse a change that has to be confirmed."""
        project = self._open()
        if not project.settings.assistants_may_run:
            raise UsageError("The project does not allow assistants to run: `mcp: {run: true}` would.")
        return project.run(name, limit=limit, test_event_code=test_event_code, stop=self._stop).as_json()


def build_server(location: Location, stop: threading.Event) -> MCPServer:
    """Build the server; the tool that sends is part of it only if the project allows it now."""
    location.pin_target()
    tools = Tools(location, stop)
    look = ToolAnnotations(read_only_hint=True)
    built = [
        strict_tool(_answering(tool), look)
        for tool in (
            tools.orchestrations,
            tools.validate,
            tools.compile,
            tools.preview,
            tools.plan,
            tools.runs,
            tools.run_details,
            tools.rejects,
            tools.search_docs,
            tools.read_doc,
        )
    ]
    if _may_run(location):
        send = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)
        built.append(strict_tool(_answering(tools.run), send))
    return MCPServer("connector", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING", tools=built)


def _may_run(location: Location) -> bool:
    """Return whether the project allows it; one that is not valid does not, and `validate` says why."""
    try:
        return location.open().settings.assistants_may_run
    except ConnectorError:
        return False


def _answering(tool: Callable[_P, Answer]) -> Callable[_P, Answer]:
    """Turn errors into answers of one sentence. The text of an unexpected one may quote somebody's data."""

    @wraps(tool)
    def answer(*args: _P.args, **kwargs: _P.kwargs) -> Answer:
        try:
            found: Answer = json.loads(json.dumps(without_secrets_in_texts(tool(*args, **kwargs)), default=str))
        except ConnectorError as error:
            raise ToolError(without_secrets(error.message)) from None
        except Exception as error:
            raise ToolError(f"Unexpected {type(error).__name__}. The command with --debug shows where.") from None
        return found

    return answer


def serve(location: Location) -> None:
    """Answer on stdin and stdout until the assistant closes them; a run that is under way stops then."""
    stop = threading.Event()
    try:
        build_server(location, stop).run("stdio")
    finally:
        stop.set()
