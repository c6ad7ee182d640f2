"""Write a project whose orchestrations send models of a dbt project, with suggested mappings."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.config.editor_files import SCHEMAS, schema_text, with_schema_line
from connector.config.nodes import plain
from connector.config.yaml import parse_yaml
from connector.errors import ConfigurationError, UsageError
from connector.example.example_project import GITIGNORE, write_files
from connector.inspection.mapping_suggestion import SuggestedMapping, suggest_mapping
from connector.queries.dbt_manifest import DbtNode, Manifest, load_manifest
from connector.queries.query_environment import ReferenceFault

_WAREHOUSE_URLS = {
    "snowflake": "snowflake://{{ env.SNOWFLAKE_USER }}@{{ env.SNOWFLAKE_ACCOUNT }}/DATABASE/SCHEMA",
    "postgres": "postgresql://{{ env.PGUSER }}@{{ env.PGHOST }}/DATABASE",
    "redshift": "redshift://{{ env.PGUSER }}@{{ env.PGHOST }}/DATABASE",
    "bigquery": "bigquery://DATABASE/SCHEMA",
    "databricks": "databricks://{{ env.DATABRICKS_HOST }}?http_path={{ env.DATABRICKS_HTTP_PATH }}"
    "&catalog=DATABASE&schema=SCHEMA",
    "trino": "trino://{{ env.TRINO_USER }}@{{ env.TRINO_HOST }}/DATABASE/SCHEMA",
    "sqlserver": "mssql://{{ env.MSSQL_USER }}@{{ env.MSSQL_HOST }}/DATABASE",
    "oracle": "oracle://{{ env.ORACLE_USER }}@{{ env.ORACLE_HOST }}/?service_name=DATABASE",
    **dict.fromkeys(("mysql", "mysql5"), "mysql://{{ env.MYSQL_USER }}@{{ env.MYSQL_HOST }}/SCHEMA"),
    "mariadb": "mariadb://{{ env.MYSQL_USER }}@{{ env.MYSQL_HOST }}/SCHEMA",
    "clickhouse": "clickhouse://{{ env.CLICKHOUSE_USER }}@{{ env.CLICKHOUSE_HOST }}:8443/SCHEMA",
}
"""By the adapter of dbt, with the database and schema of a model for DATABASE and SCHEMA."""
_IDS = "7654321098765432109"
_DESTINATIONS = {
    "offline": f"""\
  store_events:
    type: tiktok_events
    credential: tiktok
    advertiser_id: "{_IDS}" # yours
    event_source: offline
    event_source_id: "{_IDS}" # your offline event set
    fixed_event_name: Purchase           # for rows without an event
""",
    "web": f"""\
  web_events:
    type: tiktok_events
    credential: tiktok
    advertiser_id: "{_IDS}" # yours
    event_source: web
    event_source_id: C4EXAMPLE0PIXEL0CODE # the code of your pixel
    fixed_event_name: Purchase           # for rows without an event
""",
}
_PLAIN = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True, slots=True)
class ModelMapping:
    """A model, and the orchestration that sends it."""

    orchestration: str
    model: str
    """The name for `model`."""
    node: DbtNode
    mapping: SuggestedMapping

    @property
    def destination(self) -> str:
        """The name of the destination."""
        names = {"offline": "store_events", "web": "web_events"}
        return names.get(self.mapping.kind, f"{self.orchestration}_audience")


@dataclass(frozen=True, slots=True)
class NewProject:
    """The text that was written."""

    paths: Sequence[Path]
    models: Sequence[ModelMapping]
    unfit: Sequence[str]
    """Models with columns that name nobody, or without documented columns."""
    packages: Sequence[str]
    """Packages of the dbt project whose models were not looked at."""
    is_url_guessed: bool
    """True if no profile of dbt says where the warehouse is."""


def find_manifest(path: Path) -> Path:
    """Return the manifest of a dbt project, its `target` folder, or the file itself. Raises UsageError."""
    found = next(
        (one for one in (path, path / "manifest.json", path / "target" / "manifest.json") if one.is_file()), None
    )
    if found is None:
        raise UsageError(f"There is no manifest.json in {path}: name a dbt project in which `dbt parse` has run.")
    return found


def write_dbt_project(directory: Path, source: Path, names: Sequence[str] = ()) -> NewProject:
    """Write a project folder for the named models, or for all of the project itself whose columns identify people.

    Overwrites nothing. Raises UsageError: no manifest, an unknown model, none that fits, files that exist.
    """
    path = find_manifest(source).absolute()
    try:
        manifest = load_manifest(path, (path, 1, 1))
    except ConfigurationError as error:
        raise UsageError(f"{path} is not a manifest of dbt, or a damaged one: run `dbt parse`.") from error
    columns = _Columns(path)
    own = manifest.metadata.project_name
    built = list(_built_models(manifest))
    nodes = [_named(manifest, name) for name in names] or [node for node in built if node.package_name == own]
    chosen, unfit = _choose(nodes, manifest, columns)
    if not chosen or (names and unfit):
        raise UsageError(_nothing_fits(unfit))
    files = _files(directory, path, manifest, chosen)
    packages = [] if names else sorted({node.package_name for node in built} - {own})
    is_guessed = _duckdb_file(manifest, path, _dbt_target(path)) is None
    return NewProject(write_files(directory, files), chosen, unfit, packages, is_guessed)


def _nothing_fits(names: Sequence[str]) -> str:
    some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return (
        f"No column of {some or 'the dbt project'} looks like an e-mail address, a phone number or another identifier: "
        "document the columns in dbt, or run `dbt docs generate`, which lists them all."
    )


def _built_models(manifest: Manifest) -> Iterator[DbtNode]:
    """Yield the models that dbt builds, of several versions the latest."""
    for node in manifest.nodes.values():
        if node.resource_type == "model" and node.relation_name and node.version == node.latest_version:
            yield node


def _named(manifest: Manifest, name: str) -> DbtNode:
    try:
        return manifest.model(name)
    except ReferenceFault as error:
        end = "" if str(error).endswith(("?", ".")) else "."
        raise UsageError(f"{error}{end}") from None


class _Columns:
    """The columns of models: as `dbt docs generate` found them, else as they are documented."""

    def __init__(self, manifest: Path) -> None:
        self._nodes: Mapping[str, Any] = {}
        catalog = manifest.with_name("catalog.json")
        if catalog.is_file():
            try:
                self._nodes = json.loads(catalog.read_bytes())["nodes"]
            except (ValueError, KeyError, TypeError):
                raise UsageError(f"{catalog} is damaged: run `dbt docs generate` again.") from None

    def of(self, node: DbtNode) -> list[str]:
        entry = self._nodes.get(node.unique_id)
        listed = [str(column["name"]) for column in entry["columns"].values()] if entry else []
        return listed or [column.name for column in node.columns.values()]


def _choose(nodes: Sequence[DbtNode], manifest: Manifest, columns: _Columns) -> tuple[list[ModelMapping], list[str]]:
    chosen: list[ModelMapping] = []
    unfit: list[str] = []
    taken: set[str] = set()
    for node in nodes:
        mapping = suggest_mapping(columns.of(node))
        if mapping is None:
            unfit.append(node.label)
            continue
        is_own = node.package_name == manifest.metadata.project_name
        model = node.label if is_own else f"{node.package_name}.{node.label}"
        name = re.sub(r"\W", "_", node.label if node.label not in taken else model)
        taken.add(node.label)
        chosen.append(ModelMapping(name, model, node, mapping))
    return chosen, unfit


def _files(
    directory: Path, manifest_path: Path, manifest: Manifest, chosen: Sequence[ModelMapping]
) -> dict[str, bytes]:
    texts = {"orchestrations.yaml": _settings(directory, manifest_path, manifest, chosen), ".gitignore": GITIGNORE}
    texts |= {f"templates/{one.orchestration}.yaml": _template(one) for one in chosen if one.mapping.own}
    texts = {name: with_schema_line(name, text) for name, text in texts.items()}
    schemas = {name: schema_text(name) for name in (SCHEMAS["orchestrations"], SCHEMAS["template"])}
    return {name: text.encode() for name, text in (texts | schemas).items()}


def _settings(directory: Path, manifest_path: Path, manifest: Manifest, chosen: Sequence[ModelMapping]) -> str:
    kinds = {one.mapping.kind for one in chosen}
    events = [text for kind, text in _DESTINATIONS.items() if kind in kinds]
    audiences = [_audience(one) for one in chosen if one.mapping.kind == "audience"]
    names = dict.fromkeys(one.destination for one in chosen)
    target = _dbt_target(manifest_path)
    lines = [
        "# Models of dbt, and where they go. The mappings in templates/ are suggestions: check each line, with",
        "# `connector validate NAME --connect` and `connector preview NAME`.",
        "version: 1",
        "target: local                            # used when --target is not given",
        "",
        "dbt:",
        f"  manifest: {_yaml(_relative(manifest_path, directory))}",
        *([f"  target: {_yaml(target)}"] if target else []),
        "",
        "warehouses:",
        "  marts:",
        *_url_lines(directory, manifest_path, manifest, chosen[0].node, target),
        "",
        "credentials:",
        "  tiktok:",
        '    access_token: "{{ env.TIKTOK_ACCESS_TOKEN }}"',
        "",
        "destinations:",
        "\n".join((*events, *audiences)).rstrip("\n"),
        "",
        "orchestrations:",
        "\n".join(_orchestration(one) for one in chosen).rstrip("\n"),
        "",
        "targets:                                 # what differs from one environment to the next",
        "  local:                                 # a simulator on this machine; no account needed",
        "    credentials: {tiktok: {access_token: simulator}}",
        "    destinations:",
        *(f"      {name}: {{api_url: simulator}}" for name in names),
        "  production: {}",
    ]
    return "\n".join(lines) + "\n"


def _audience(one: ModelMapping) -> str:
    return f"""\
  {one.destination}:
    type: tiktok_audience
    credential: tiktok
    advertiser_ids: ["{_IDS}"] # yours
    audience: {_yaml(one.orchestration.replace("_", " "))}
    mode: mirror                         # mirror | add | remove
"""


def _orchestration(one: ModelMapping) -> str:
    description = " ".join((one.node.description or "").split())
    lines = [
        f"  {one.orchestration}:",
        *([f"    description: {json.dumps(description, ensure_ascii=False)}"] if _is_safe(description) else []),
        f"    model: {_yaml(one.model)}",
        "    warehouse: marts",
        f"    destination: {one.destination}",
        *([f"    template: {one.orchestration}"] if one.mapping.own else []),
        "    workflow: manual                     # automatic: `connector start` runs it on its schedule",
        "    schedule: {after: dbt}",
    ]
    return "\n".join(lines) + "\n"


def _is_safe(text: str) -> bool:
    """Return whether a text is a description: neither blank, nor with placeholders that would be filled in."""
    return bool(text) and not re.search(r"\{[{%#]", text)


def _template(one: ModelMapping) -> str:
    described = {column.name: " ".join((column.description or "").split()) for column in one.node.columns.values()}
    identity = "tiktok_audience" if one.mapping.kind == "audience" else "tiktok_events"
    lines = [
        f"# Suggested by the names of the columns of {one.model}. Columns with the names of parameters need no line.",
        f"extends: {identity}",
        "parameters:",
    ]
    for parameter, columns in one.mapping.own.items():
        names = [_yaml(column) for column in columns]
        text = f"  {parameter}: " + (names[0] if len(names) == 1 else f"[{', '.join(names)}]")
        notes = [described[column] for column in columns if described.get(column)]
        lines.append(f"{text}  # {'; '.join(notes)}" if notes else text)
    if one.mapping.unmapped:
        lines.append(f"# Not sent: {', '.join(one.mapping.unmapped)}.")
    return "\n".join(lines) + "\n"


def _url_lines(
    directory: Path, manifest_path: Path, manifest: Manifest, node: DbtNode, target: str | None
) -> Iterator[str]:
    if file := _duckdb_file(manifest, manifest_path, target):
        yield f"    url: {_yaml(f'duckdb:///{_relative(file, directory)}')}"
        return
    yield "    # The url is a guess, as the manifest of dbt does not hold it: correct it."
    yield f"    url: {_yaml(_guessed_url(manifest.metadata.adapter_type or '', node))}"


def _guessed_url(adapter: str, node: DbtNode) -> str:
    if adapter == "duckdb":
        return f"duckdb:///{node.database}.duckdb"
    other = f"{adapter or 'warehouse'}://{{{{ env.WAREHOUSE_USER }}}}@{{{{ env.WAREHOUSE_HOST }}}}/DATABASE"
    return (
        _WAREHOUSE_URLS.get(adapter, other)
        .replace("DATABASE", node.database or "")
        .replace("SCHEMA", node.schema or "")
    )


def _duckdb_file(manifest: Manifest, manifest_path: Path, target: str | None) -> Path | None:
    """Return the DuckDB database of the profile of dbt; None if there is no profile, or it is another warehouse."""
    if manifest.metadata.adapter_type != "duckdb":
        return None
    project = manifest_path.parent.parent
    profile = _yaml_file(project / "dbt_project.yml").get("profile")
    for folder in (project, Path.home() / ".dbt"):
        entry = _yaml_file(folder / "profiles.yml").get(str(profile))
        if isinstance(entry, dict):
            outputs = entry.get("outputs")
            output = outputs.get(target or entry.get("target")) if isinstance(outputs, dict) else None
            path = output.get("path") if isinstance(output, dict) else None
            return project / path if isinstance(path, str) and "{" not in path and ":" not in path else None
    return None


def _yaml_file(path: Path) -> Mapping[str, Any]:
    document, _ = parse_yaml(path) if path.is_file() else (None, [])
    value = plain(document.root) if document else {}
    return value if isinstance(value, dict) else {}


def _dbt_target(manifest_path: Path) -> str | None:
    """Return the target of the last command of dbt, if it named one."""
    try:
        args = json.loads(manifest_path.with_name("run_results.json").read_bytes())["args"]
        target = args.get("target")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return target if isinstance(target, str) and target else None


def _relative(path: Path, directory: Path) -> str:
    return Path(os.path.relpath(path, directory.absolute())).as_posix()


def _yaml(text: str) -> str:
    """Write a text as a YAML scalar."""
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in {
        "null",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
    }
    return (
        text if is_plain or re.fullmatch(r"[\w./-]*[A-Za-z_/][\w./-]*", text) else json.dumps(text, ensure_ascii=False)
    )
