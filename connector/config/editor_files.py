"""Files by which editors know the settings: the schemas, and the lines that name them."""

import json
from pathlib import PurePosixPath

SCHEMAS = {
    "orchestrations": "schemas/orchestrations.schema.json",
    "template": "schemas/template.schema.json",
    "test": "schemas/test.schema.json",
}
"""The files of a project with its schemas, by what `connector schema` calls them."""


def schema_text(file: str) -> str:
    """Return the content of one of these files."""
    if file == SCHEMAS["template"]:
        from connector.config.template_schema import template_schema

        schema = template_schema()
    elif file == SCHEMAS["test"]:
        from connector.config.query_test_schema import query_test_schema

        schema = query_test_schema()
    else:
        from connector.config.json_schema import orchestrations_schema

        schema = orchestrations_schema()
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def with_schema_line(name: str, text: str) -> str:
    """Return a YAML file of a project with the line that yaml-language-server reads; any other file as it is."""
    path = PurePosixPath(name)
    if path.suffix != ".yaml":
        return text
    schema = SCHEMAS[{"templates": "template", "tests": "test"}.get(path.parent.name, "orchestrations")]
    return f"# yaml-language-server: $schema={'../' * (len(path.parts) - 1)}{schema}\n{text}"
