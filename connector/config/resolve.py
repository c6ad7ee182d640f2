"""Resolution of entries: the environment is filled in, and names are replaced by the entries they refer to."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from connector.config.addresses import SIMULATOR
from connector.config.credential import Credential
from connector.config.destination import DestinationSettings
from connector.config.engine import ONE_MACHINE, EngineSettings
from connector.config.fields import text
from connector.config.layout import Top, known_model, section
from connector.config.network import Network, proxy_url
from connector.config.nodes import Node, plain
from connector.config.notification import Notification, as_mapping
from connector.config.orchestration import Orchestration
from connector.config.problems import ProblemList
from connector.config.project_files import local_path, query_path, template_path
from connector.config.render import MissingVariables, has_placeholder, has_secret, render, render_tree
from connector.config.settings import Settings
from connector.config.suggest import did_you_mean
from connector.config.validate_entry import Model, validate_entry
from connector.config.warehouse import Warehouse, absolute_url
from connector.core.disk import is_file
from connector.errors import Rule

if TYPE_CHECKING:
    from connector.config.secret_store import SecretStore

Value = TypeVar("Value")
STAND_IN = "7654321098765432109"
"""Stands for a variable that is not set, where none is needed: text, an id, and a part of an address."""


class Resolver:
    """Builds the settings of entries by name, and collects the problems that prevent it."""

    def __init__(
        self,
        directory: Path,
        root: Node,
        environ: Mapping[str, str],
        problems: ProblemList,
        secrets: "SecretStore | None" = None,
        *,
        engine: str | None = None,
        stand_ins: bool = False,
    ) -> None:
        self.problems = problems
        self._engine = engine
        self._stand_ins = stand_ins
        self._secrets = secrets
        self._directory = directory
        self._config_directory = problems.file.parent
        self._root = root
        self._environ = environ

    def fill(self, node: Node, *, stand_in: str | None = None) -> Node:
        """Fill in the environment and secrets.

        `stand_in`, if given, is used for a text with a variable that is not set, and for one with a secret. Without
        a store of secrets, a text with one stays as it is.
        """

        def filled(at: Node, template: str) -> str:
            if has_secret(template):
                return self._with_secrets(at, template) if stand_in is None else stand_in
            try:
                return render(template, self._environ)
            except MissingVariables as error:
                if stand_in is None and self._stand_ins:
                    return render(template, {**self._environ, **dict.fromkeys(error.names, STAND_IN)})
                if stand_in is None:
                    self._add_missing(at, error.names)
                return stand_in or template
            except ValueError as error:
                self.problems.add(at, str(error), rule=Rule.SYNTAX)
                return template

        return render_tree(node, filled)

    def _with_secrets(self, node: Node, template: str) -> str:
        """Fill in a text with secrets, and have what it becomes removed from all that is printed."""
        if self._secrets is None:
            return template
        from connector.config.secret_store import MissingSecret
        from connector.core.secret_registry import remember_secret

        key = str(node.origin[-1]) if node.origin else ""
        try:
            text = render(template, self._environ, self._secrets.sources(key))
        except MissingVariables as error:
            self._add_missing(node, error.names)
        except MissingSecret as error:
            self.problems.add(node, str(error), rule=Rule.MISSING_VALUE)
        except ValueError as error:
            self.problems.add(node, str(error), rule=Rule.SYNTAX)
        else:
            if not self._secrets.stands_in(key):
                remember_secret(text)
            return text
        return template

    def value_of(
        self, plural: str, name: str, key: str, take: Callable[[object], Value], *, secret: bool = False
    ) -> Value | None:
        """Return one value of an entry, converted by `take`, without reading the others; None if it is absent."""
        node = section(self._root, plural).at((name,)).child(key)
        if node is None or node.value is None:
            return None
        filled = self.fill(node)
        try:
            return take(plain(filled))
        except ValueError as error:
            self.problems.add(filled, str(error), secret=secret)
            return None

    def orchestration(self, name: str, target: str) -> Orchestration | None:
        """Build an orchestration with its warehouse and destination."""
        node = self.fill(self._with_engine(section(self._root, "orchestrations").at((name,))))
        filled = {
            "name": name,
            "target": target,
            "query_path": query_path(self._config_directory, node.child("query"), self.problems),
            "template_path": template_path(self._config_directory, node.child("template"), self.problems),
            **self._references(Orchestration, node),
        }
        built = self._built(Orchestration, node, filled)
        if built is None or built.file is None:
            return built
        return built.model_copy(update={"file": local_path(self._directory, built.file)})

    def _with_engine(self, entry: Node) -> Node:
        """Return an orchestration with the engine that all have in place of their own, if there is one."""
        if self._engine is None or not isinstance(entry.value, dict):
            return entry
        own = entry.value.get("engine", replace(entry, template=None))
        engine = replace(own, value=None if self._engine == ONE_MACHINE else self._engine)
        return replace(entry, value={**entry.value, "engine": engine})

    def partial_orchestration(self, name: str, target: str) -> Orchestration:
        """Return what an orchestration says of its query and template, without checking it."""
        entry = section(self._root, "orchestrations").at((name,))
        values = {key: str(child.value) for key, child in entry.entries() if isinstance(child.value, str | int)}
        url = section(self._root, "warehouses").at((values.get("warehouse", ""), "url")).value
        kind = section(self._root, "destinations").at((values.get("destination", ""), "type")).value
        parameters = entry.child("parameters")
        ignored = ProblemList(self.problems.file)
        return Orchestration.model_construct(
            name=name,
            target=target,
            query_path=query_path(self._config_directory, entry.child("query"), ignored),
            template=values.get("template")
            if template_path(self._config_directory, entry.child("template"), ignored)
            else None,
            parameters=plain(parameters) if parameters and isinstance(parameters.value, dict) else {},
            dialect=values.get("dialect"),
            warehouse=Warehouse.model_construct(name="", url=SecretStr(url)) if isinstance(url, str) else None,
            destination=DestinationSettings.model_construct(name=values.get("destination", ""), type=str(kind)),
        )

    def warehouse(self, name: str) -> Warehouse | None:
        """Build a warehouse, with paths below the project made absolute; with stand-ins, only its URL."""
        if self._stand_ins:
            written = self.fill(section(self._root, "warehouses").at((name, "url")))
            return Warehouse.model_construct(name=name, url=SecretStr(str(written.value)))
        node = self.fill(section(self._root, "warehouses").at((name,)))
        built = self._built(Warehouse, node, {"name": name})
        if built is None:
            return None
        files = {key: path for key in Warehouse.from_environment if (path := getattr(built, key))}
        paths = {key: self._existing(node.at((key,)), path) for key, path in files.items()}
        url = SecretStr(absolute_url(self._directory, built.url.get_secret_value()))
        return built.model_copy(update={"url": url, **paths})

    def destination(self, name: str) -> DestinationSettings | None:
        """Build a destination with its credential; for the simulator, variables of the credential need not be set."""
        node = self.fill(section(self._root, "destinations").at((name,)))
        # Which other keys there are depends on the type.
        model = known_model(node, self.problems)
        if model is None:
            return None
        stand_in = SIMULATOR if node.at(("api_url",)).value == SIMULATOR else None
        built = self._built(model, node, {"name": name, **self._references(model, node, stand_in)})
        files = {key: path for key in model.certificates if built and (path := getattr(built, key))}
        if built is None or not files:
            return built
        paths = {key: self._certificates(node.at((key,)), path) for key, path in files.items()}
        return built.model_copy(update=paths)

    def network(self, name: str) -> Network:
        """Return the network of a destination without reading the rest of it."""
        proxy = self.value_of("destinations", name, "proxy", proxy_url, secret=True)
        node = section(self._root, "destinations").at((name, "ca_file"))
        ca_file = self.value_of("destinations", name, "ca_file", text)
        return Network(
            SecretStr(proxy) if proxy else None, self._certificates(node, Path(ca_file)) if ca_file else None
        )

    def credential(self, name: str, stand_in: str | None = None) -> Credential | None:
        """Build a credential."""
        node = self.fill(section(self._root, "credentials").at((name,)), stand_in=stand_in)
        return self._built(Credential, node, {"name": name})

    def engine(self, name: str) -> EngineSettings | None:
        """Build an engine."""
        return self._built(EngineSettings, self.fill(section(self._root, "engines").at((name,))), {"name": name})

    def notification(self, name: str) -> Notification | None:
        """Build a notification."""
        node = self.fill(as_mapping(section(self._root, "notifications").at((name,))))
        # Without a variable, its address would be invalid as well: one problem is enough.
        return None if self.problems.items else self._built(Notification, node, {"name": name})

    def top(self, entries: dict[str, Node]) -> Top | None:
        """Build the settings outside the sections from some of them."""
        return self._built(Top, self.fill(Node(entries, self._root.line)), {})

    def _existing(self, node: Node, file: Path) -> Path:
        """Return the absolute path of a file of the project; add a problem if it does not exist."""
        path = self._directory / file
        if not is_file(path):
            self.problems.add(node, "names a file that does not exist", rule=Rule.UNKNOWN_NAME)
        return path

    def _certificates(self, node: Node, file: Path) -> Path:
        """Return the absolute path of a file of certificates; add a problem if it holds none."""
        from ssl import PROTOCOL_TLS_CLIENT, SSLContext, SSLError

        path = self._existing(node, file)
        try:
            SSLContext(PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except SSLError:
            self.problems.add(node, "names a file that holds no certificate in PEM")
        except OSError as error:
            if is_file(path):
                self.problems.add(node, f"names a file that cannot be read: {error.strerror}")
        return path

    def _built(self, model: type[Model], node: Node, filled: Mapping[str, Any]) -> Model | None:
        return validate_entry(model, node, self.problems, filled)

    def _references(self, model: type[Settings], node: Node, stand_in: str | None = None) -> dict[str, Settings]:
        """Return the entries that an entry refers to, by key."""
        entries = {key: self._referred(node, key, stand_in) for key in model.references}
        return {key: entry for key, entry in entries.items() if entry is not None}

    def _referred(self, node: Node, key: str, stand_in: str | None = None) -> Settings | None:
        reference = node.child(key)
        if reference is None or reference.value is None or has_placeholder(reference.value):
            return None
        name, plural = str(reference.value), f"{key}s"
        names = [name for name, _ in section(self._root, plural).entries()]
        if name not in names:
            self.problems.add_absent(reference, key, name, names, f"in {plural}")
            return None
        if key == "credential":
            return self.credential(name, stand_in)
        build: Mapping[str, Callable[[str], Settings | None]] = {
            "destination": self.destination,
            "engine": self.engine,
            "warehouse": self.warehouse,
        }
        return build[key](name)

    def _add_missing(self, node: Node, names: list[str]) -> None:
        for name in names:
            hint = did_you_mean(name, self._environ)
            sentence = f"needs the environment variable {name}, which is not set{'.' * bool(hint)}{hint}"
            self.problems.add(node, sentence, rule=Rule.MISSING_VALUE)
