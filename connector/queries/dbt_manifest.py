"""The manifest of a dbt project: its models and sources, and the tables and views that they are in the warehouse."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from connector.config.suggest import did_you_mean
from connector.core.dialects import Dialect
from connector.errors import ConfigurationError, Problem, Rule
from connector.queries.literals import LiteralError, identifier
from connector.queries.query_environment import ReferenceFault

BUILT = ("model", "seed", "snapshot")
"""The types of nodes that `ref()` finds."""
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_SOME = 8


class Column(msgspec.Struct, frozen=True):
    """A column as it is documented in dbt."""

    name: str
    description: str | None = None
    data_type: str | None = None


class _Config(msgspec.Struct, frozen=True):
    materialized: str | None = None
    meta: dict[str, Any] | None = None


class _DependsOn(msgspec.Struct, frozen=True):
    nodes: list[str] = []


class DbtNode(msgspec.Struct, frozen=True):
    """A model, seed, snapshot, source or test of the manifest."""

    unique_id: str
    name: str
    package_name: str
    resource_type: str
    database: str | None = None
    schema: str | None = None
    alias: str | None = None
    identifier: str | None = None
    """The name of a source's table."""
    source_name: str | None = None
    relation_name: str | None = None
    """The table or view in the SQL of dbt's own warehouse; None if dbt builds none."""
    version: str | int | float | None = None
    latest_version: str | int | float | None = None
    description: str | None = None
    columns: dict[str, Column] = {}
    original_file_path: str = ""
    attached_node: str | None = None
    """The model that a test is about."""
    config: _Config = _Config()
    meta: dict[str, Any] | None = None
    depends_on: _DependsOn = _DependsOn()

    @property
    def label(self) -> str:
        """The name as dbt's commands select it: `fct_orders`, `fct_orders.v2`, `raw.orders`."""
        if self.resource_type == "source":
            return f"{self.source_name}.{self.name}"
        return self.name if self.version is None else f"{self.name}.v{self.version}"

    @property
    def table(self) -> str:
        """The name of the table or view, without its schema."""
        return (self.identifier if self.resource_type == "source" else self.alias) or self.name


class _Disabled(msgspec.Struct, frozen=True):
    name: str = ""
    package_name: str = ""
    resource_type: str = ""
    source_name: str | None = None
    version: str | int | float | None = None


class _Metadata(msgspec.Struct, frozen=True):
    dbt_schema_version: str = ""
    generated_at: str | None = None
    adapter_type: str | None = None
    project_name: str | None = None


class Manifest(msgspec.Struct, frozen=True):
    """The parts of `manifest.json` that are used here."""

    metadata: _Metadata
    nodes: dict[str, DbtNode]
    sources: dict[str, DbtNode]
    disabled: dict[str, list[_Disabled]] | None = None

    def model(self, name: str) -> DbtNode:
        """Return the node that `model` of an orchestration names. Raises ReferenceFault."""
        words, version = name.split("."), None
        if len(words) > 1 and re.fullmatch(r"v\w+", words[-1]) and not self._named(words[-1]):
            version = words.pop()[1:]
        return self.ref(words[-1], ".".join(words[:-1]) or None, version)

    def ref(self, name: str, package: str | None = None, version: object = None) -> DbtNode:
        """Return the node of `ref()`: of this project before others, the latest version unless one is named.

        Raises ReferenceFault: unknown, disabled, ambiguous, or one that dbt builds nothing for.
        """
        nodes = [node for node in self._named(name) if package in (None, node.package_name)]
        own = [node for node in nodes if node.package_name == self.metadata.project_name]
        nodes = own or nodes
        if not nodes:
            raise ReferenceFault(self._unknown_model(name, package))
        packages = sorted({node.package_name for node in nodes})
        if len(packages) > 1:
            raise ReferenceFault(f'The dbt model "{name}" is in several packages: write ref("{packages[0]}", "{name}")')
        node = _of_version(name, nodes, version)
        if node.relation_name is None or node.config.materialized == "ephemeral":
            raise ReferenceFault(
                f'The dbt model "{node.label}" is {node.config.materialized or "not built"}, so dbt builds no table or '
                "view for it: materialize it as a view, or name a model that selects from it"
            )
        return node

    def source(self, source: str, table: str) -> DbtNode:
        """Return the node of `source()`. Raises ReferenceFault."""
        found = [node for node in self.sources.values() if (node.source_name, node.name) == (source, table)]
        if not found:
            raise ReferenceFault(self._unknown_source(source, table))
        node = found[0]
        if (node.meta or {}).get("external_location") or (node.config.meta or {}).get("external_location"):
            raise ReferenceFault(f'The dbt source "{node.label}" is a file (external_location): name a model of it')
        return node

    def tests(self) -> dict[str, list[DbtNode]]:
        """Return the tests by the node that they are about."""
        found: dict[str, list[DbtNode]] = {}
        for node in self.nodes.values():
            if node.resource_type == "test":
                for about in [node.attached_node] if node.attached_node else node.depends_on.nodes:
                    found.setdefault(about, []).append(node)
        return found

    def sources_above(self, unique_id: str) -> list[DbtNode]:
        """Return the sources from which a node is built, directly or through others."""
        seen, waiting = {unique_id}, [unique_id]
        while waiting:
            node = self.nodes.get(waiting.pop())
            above = [one for one in (node.depends_on.nodes if node else ()) if one not in seen]
            seen.update(above)
            waiting += above
        return [self.sources[one] for one in sorted(seen) if one in self.sources]

    def _named(self, name: str) -> list[DbtNode]:
        return [node for node in self.nodes.values() if node.name == name and node.resource_type in BUILT]

    def _unknown_model(self, name: str, package: str | None) -> str:
        disabled = [one for one in self._disabled(BUILT) if one.name == name and package in (None, one.package_name)]
        if disabled:
            kind = disabled[0].resource_type
            return f'The dbt {kind} "{name}" is disabled: set enabled to true in dbt, or name another model'
        nodes = [node for node in self.nodes.values() if node.resource_type in BUILT]
        packages = sorted({node.package_name for node in nodes})
        if package is not None and package not in packages:
            return f'There is no dbt package "{package}" in the manifest{_hint(package, packages)}'
        names = [node.name for node in nodes if package in (None, node.package_name)]
        where = f' in the package "{package}"' if package else ""
        return f'There is no dbt model "{name}"{where} in the manifest{_hint(name, names)}'

    def _unknown_source(self, source: str, table: str) -> str:
        if any((one.source_name, one.name) == (source, table) for one in self._disabled(("source",))):
            return f'The dbt source "{source}.{table}" is disabled: set enabled to true in dbt, or name another source'
        sources = sorted({node.source_name or "" for node in self.sources.values()})
        if source not in sources:
            return f'There is no dbt source "{source}" in the manifest{_hint(source, sources)}'
        tables = [node.name for node in self.sources.values() if node.source_name == source]
        return f'There is no table "{table}" in the dbt source "{source}"{_hint(table, tables)}'

    def _disabled(self, kinds: Iterable[str]) -> Iterator[_Disabled]:
        for entries in (self.disabled or {}).values():
            yield from (entry for entry in entries if entry.resource_type in kinds)


def _of_version(name: str, nodes: list[DbtNode], version: object) -> DbtNode:
    versions = {str(node.version): node for node in nodes if node.version is not None}
    if version is None:
        return next((node for node in nodes if node.version == node.latest_version), nodes[0])
    if str(version) not in versions:
        there = f"the versions are {', '.join(sorted(versions))}" if versions else "it has no versions"
        raise ReferenceFault(f'There is no version {version} of the dbt model "{name}": {there}')
    return versions[str(version)]


def _hint(word: str, names: Iterable[str]) -> str:
    names = list(dict.fromkeys(names))
    if hint := did_you_mean(word, names):
        return f".{hint}"
    some = ", ".join(names[:_SOME]) + (", …" if len(names) > _SOME else "")
    return f" (there is {some})" if names else ""


def relation(node: DbtNode, dialect: Dialect) -> str:
    """Write the table or view of a node in a dialect; names that dbt quotes are quoted.

    Raises LiteralError for a name that the dialect cannot have.
    """
    written = node.relation_name or ""
    parts = [part for part in (node.database, node.schema) if part]
    while parts and not re.match(rf"[\"`\[]?{re.escape(parts[0])}[\"`\]]?\.", written):
        parts.pop(0)
    return ".".join(_name(part, written, dialect) for part in (*parts, node.table))


def _name(part: str, written: str, dialect: Dialect) -> str:
    is_quoted = any(f"{left}{part}{right}" in written for left, right in ('""', "``", "[]"))
    if not is_quoted and _PLAIN_NAME.fullmatch(part):
        return part
    return identifier(part, dialect).text()


Place = tuple[Path, int, int]
"""The file, the line and the column of a setting."""


def load_manifest(path: Path, place: Place) -> Manifest:
    """Read a manifest, once for each time that dbt writes it. Raises ConfigurationError at the place of its setting."""
    advice = "run `dbt parse` in the dbt project, or correct the path"
    try:
        status = path.stat()
        return _load(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        sentence = f"cannot be read ({error.strerror}): {advice}"
    except _NotManifest as error:
        sentence = f"is {error}"
    except (msgspec.DecodeError, UnicodeDecodeError):
        sentence = f"is not a manifest of dbt, or a damaged one: {advice}"
    message = f"dbt.manifest names {path}, which {sentence}."
    raise ConfigurationError([Problem(message, *place, Rule.UNREADABLE)])


_SOMETHING_ELSE = "JSON of something else: name the manifest.json of dbt"


class _NotManifest(ValueError):
    """The file is JSON of another form. The message follows "which is"."""


@lru_cache(maxsize=2)
def _load(path: Path, _changed_at: int, _size: int) -> Manifest:
    data = path.read_bytes()
    kind, version = _kind(data)
    if kind != "manifest":
        raise _NotManifest(f"the {kind} of dbt: name the manifest.json" if kind else _SOMETHING_ELSE)
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.ValidationError as error:
        raise _NotManifest(
            f"a manifest {version} of another form ({error}): write it with dbt-core 1.8 or newer"
        ) from None


class _AnyArtifact(msgspec.Struct):
    metadata: _Metadata = _Metadata()


def _kind(data: bytes) -> tuple[str, str]:
    """Return the kind of an artifact of dbt, such as `manifest`, and its version; blank for other JSON."""
    schema = msgspec.json.decode(data, type=_AnyArtifact).metadata.dbt_schema_version
    match = re.search(r"/dbt/([\w-]+)/(v\d+)", schema)
    return (match[1], match[2]) if match else ("", "")


class References:
    """`ref()` and `source()` of a query, and the nodes that it names."""

    def __init__(self, load: Callable[[], Manifest], dialect: Dialect, database: str | None = None) -> None:
        """`load` reads the manifest; `database` is the only one that the warehouse can read, None if it can several."""
        self._load, self._dialect, self._database = load, dialect, database
        self.used: dict[str, DbtNode] = {}
        """The nodes by their ids in dbt, in the order of the query."""

    def functions(self, output: Any) -> Mapping[str, Any]:
        """Return the functions by their names in a query; `output` makes SQL text of the name of a table."""

        def ref(*names: object, v: object = None, version: object = None) -> Any:
            texts = [str(name) for name in names if isinstance(name, str)]
            if len(texts) != len(names) or len(texts) not in (1, 2):
                raise ReferenceFault("ref() takes the name of a model, or a package and a model, as ref('fct_orders')")
            package = texts[0] if len(texts) == 2 else None
            node = self._load().ref(texts[-1], package, version if v is None else v)
            return output(self._use(node))

        def source(*names: object) -> Any:
            texts = [str(name) for name in names if isinstance(name, str)]
            if len(texts) != len(names) or len(texts) != 2:
                raise ReferenceFault("source() takes the names of a source and its table, as source('raw', 'orders')")
            return output(self._use(self._load().source(*texts)))

        return {"ref": ref, "source": source}

    def select(self, model: str) -> str:
        """Return the SQL that reads a whole model. Raises ReferenceFault, LiteralError, ConfigurationError."""
        return f"SELECT * FROM {self._use(self._load().model(model))}"

    def check(self) -> None:
        """Read the manifest. Raises ConfigurationError."""
        self._load()

    def _use(self, node: DbtNode) -> str:
        there, here = node.database or "", self._database
        if here is not None and there.lower() != here.lower() and there in (node.relation_name or "").split(".")[0]:
            raise ReferenceFault(
                f'"{node.label}" of dbt is in the database "{there}", and the warehouse opens "{here}": name the '
                "manifest of the dbt target that builds there, or another warehouse"
            )
        self.used[node.unique_id] = node
        try:
            return relation(node, self._dialect)
        except LiteralError as error:
            raise ReferenceFault(f'The name of the table of "{node.label}" in dbt {error}') from None
