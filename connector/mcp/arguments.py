"""Tools that refuse what the protocol's package ignores or converts: unknown arguments, and values of another type."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import ToolAnnotations
from pydantic import ConfigDict, ValidationError

from connector.config.suggest import did_you_mean

_LONGEST = 80
"""The most characters of a value that a message quotes."""


class _Arguments(FuncMetadata):
    """The arguments of a tool, validated as the assistant wrote them."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments unchanged. A text that is JSON stays text: "null" is no missing limit."""
        return data


class StrictTool(Tool):
    """A tool that is called only with arguments that its schema allows."""

    async def run(self, arguments: dict[str, Any], *context: Any, **options: Any) -> Any:
        """Call the tool. Raises ToolError with a sentence for each argument that is wrong."""
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            names = list(self.parameters["properties"])
            problems = [_describe(self.name, names, problem) for problem in error.errors()]
            raise ToolError(" ".join(problems)) from None
        return await super().run(arguments, *context, **options)


def strict_tool(function: Callable[..., Any], annotations: ToolAnnotations) -> Tool:
    """Build a tool whose schema, and whose check, allow its own arguments in their own types only."""
    tool = StrictTool.from_function(function, annotations=annotations)
    found = tool.fn_metadata
    strict = {"model_config": ConfigDict(extra="forbid", strict=True), "__module__": __name__}
    model: type[ArgModelBase] = type(found.arg_model.__name__, (found.arg_model,), strict)
    tool.fn_metadata = _Arguments(
        arg_model=model,
        output_schema=found.output_schema,
        output_model=found.output_model,
        wrap_output=found.wrap_output,
    )
    tool.parameters = model.model_json_schema(by_alias=True)
    return tool


def _describe(tool: str, names: Sequence[str], problem: Mapping[str, Any]) -> str:
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        listed = f" Its arguments are {', '.join(names)}." if names else " It takes none."
        return f'{tool} has no argument "{name}".{did_you_mean(name, names) or listed}'
    if problem["type"] == "missing":
        return f'{tool} needs the argument "{name}".'
    value = json.dumps(problem["input"], ensure_ascii=False, default=str)
    quoted = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    return f"Invalid {name} {quoted}: {problem['msg'][0].lower()}{problem['msg'][1:]}."
