"""Projects: `load_project` checks the whole project file, `Project` returns its parts as settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from connector.config.addresses import api_url, region
from connector.config.check import find_problems
from connector.config.console import ConsoleSettings
from connector.config.credential import Credential
from connector.config.dbt import DbtSettings
from connector.config.destination import REGION, DestinationSettings
from connector.config.engine import ONE_MACHINE, EngineSettings
from connector.config.fields import switch, text, words
from connector.config.layout import Top, check_size, destination_model, section
from connector.config.network import Network
from connector.config.nodes import Node, plain
from connector.config.notification import Notification
from connector.config.orchestration import Orchestration
from connector.config.problems import ProblemList
from connector.config.project_files import FILE, FOLDERS, TESTS, is_owned, where_it_is
from connector.config.render import has_secret
from connector.config.resolve import Resolver
from connector.config.roles import WITHOUT_ROLES, Actor, Restrictions, Role, has_roles, os_user
from connector.config.setting_diff import SettingText, settings_used
from connector.config.suggest import did_you_mean
from connector.config.targets import choose_target, merged_targets, target_names
from connector.config.warehouse import Warehouse, absolute_url
from connector.config.yaml import parse_yaml
from connector.errors import ConfigurationError, Problem, Rule

if TYPE_CHECKING:
    from connector.config.secret_store import SecretStore

STATE = ".connector"

CONFIG_DIRECTORY = "CONNECTOR_SAVED_FILES"
"""The environment variable that `connector start` sets so that a run reads the last valid files of a broken project."""

_Entry = TypeVar("_Entry")


def load_project(
    directory: Path, environ: Mapping[str, str], target: str | None = None, *, config_directory: Path | None = None
) -> "Project":
    """Read and check `orchestrations.yaml`. The environment is read only when a part is requested.

    With `config_directory`, read the file, the queries and the templates there, as a copy of those of the project.

    Raises ConfigurationError with the problems under all targets.
    """
    project, problems = inspect_project(directory, environ, target, config_directory=config_directory)
    problems.raise_any()
    return project


def inspect_project(
    directory: Path,
    environ: Mapping[str, str],
    target: str | None = None,
    *,
    config_directory: Path | None = None,
    offline: bool = False,
) -> tuple["Project", ProblemList]:
    """Read a project as `load_project` does, and return it with the problems of its file.

    With `offline`, it runs no command for a secret if any text would do. Raises ConfigurationError if the problems are
    such that nothing else can be read.
    """
    directory = directory.absolute()
    file = (config_directory or directory) / FILE
    if not file.is_file():
        message = f"There is no {FILE} in {file.parent}. {where_it_is(file.parent)}"
        raise ConfigurationError([Problem(message, rule=Rule.UNREADABLE)])
    document, yaml_problems = parse_yaml(file)
    if document is None:
        raise ConfigurationError(yaml_problems)
    problems = ProblemList(file)
    for problem in yaml_problems:
        problems.record(problem)
    if not isinstance(document.root.value, dict):
        problems.add(document.root, "must be a mapping that begins with version: 1", secret=True)
        problems.raise_any()
    check_size(document.root, problems)
    chosen = choose_target(document.root, target, problems)
    trees = merged_targets(document.root, problems)
    unread = {problem.line for problem in yaml_problems if problem.rule is Rule.SYNTAX}
    for problem in find_problems(file, trees, chosen):
        if problem.line not in unread:
            problems.record(problem)
    if target and target not in trees:
        problems.raise_any()
    project = Project(file, directory, target_names(document.root), chosen, trees[chosen], environ, offline)
    return project, problems


def file_target(directory: Path) -> str | None:
    """Return the target that a project's file names, or None if it names none that exists or cannot be read."""
    file = directory / FILE
    document, problems = parse_yaml(file) if file.is_file() else (None, [])
    if document is None or problems or not isinstance(document.root.value, dict):
        return None
    found = ProblemList(file)
    target = choose_target(document.root, None, found)
    return None if found.items else target


@dataclass(frozen=True, repr=False)
class Project:
    """A checked project under one target. Prints as its folder and target alone."""

    file: Path
    directory: Path
    """The project's folder, to which paths are relative."""
    targets: tuple[str, ...]
    target: str
    _root: Node
    _environ: Mapping[str, str]
    _is_offline: bool = False
    """True to run no command for a secret if any text would do."""
    _engine: str | None = None
    """The name of the engine of all orchestrations, in place of their own; None: each has its own."""
    _stand_ins: bool = False
    """True to need no variable and no secret: others stand for those that are not set."""
    actor: Actor | None = None
    """Who asks for what is done; None: the user of this process."""

    def __repr__(self) -> str:
        return f"Project({str(self.directory)!r}, target={self.target!r})"

    def under(self, target: str) -> "Project":
        """Return the project under another target. Raises ConfigurationError if there is no such target."""
        if target == self.target:
            return self
        project = load_project(self.directory, self._environ, target, config_directory=self.config_directory)
        return replace(project, _engine=self._engine, actor=self.actor)

    def with_engine(self, name: str | None) -> "Project":
        """Return the project with an engine for every orchestration in place of its own; `none` stands for no engine.

        Without a name, return the project as it is. Raises ConfigurationError if there is no such engine.
        """
        if name is None:
            return self
        if name != ONE_MACHINE and name not in self.engines:
            self._resolver("engines", name)
        return replace(self, _engine=name)

    def acting_for(self, actor: Actor) -> "Project":
        """Return the project for somebody who asks this process to do something, and whose rights count."""
        return replace(self, actor=actor)

    @property
    def user(self) -> str:
        """The user who asks for what is done."""
        return self.actor.user if self.actor else os_user()

    def with_stand_ins(self) -> "Project":
        """Return the project for tests of queries, which need no secret, no warehouse and no engine."""
        return replace(self, _stand_ins=True, _engine=ONE_MACHINE)

    @cached_property
    def _secrets(self) -> "SecretStore | None":
        """The secrets; None if the project names none. Raises ConfigurationError."""
        if self._stand_ins or not has_secret(plain(self._root)):
            return None
        from connector.config.secret_store import SecretStore

        resolver = Resolver(self.directory, self._root, self._environ, ProblemList(self.file))
        node = self._root.child("secrets")
        settings = self._result(resolver, resolver.top({"secrets": node} if node else {})).secrets
        return SecretStore(self.directory, settings, self._environ, offline=self._is_offline)

    @property
    def secret_notes(self) -> list[str]:
        """Sentences about the secrets that were read so far."""
        return self._secrets.notes if self._secrets else []

    @property
    def config_directory(self) -> Path:
        """The folder of `orchestrations.yaml`, the queries and the templates."""
        return self.file.parent

    @property
    def state_directory(self) -> Path:
        """The folder of the ledger, staged runs and tokens."""
        return self.directory / STATE

    def owns(self, path: Path) -> bool:
        """Return true if a file belongs to the project or its state, or is named in `orchestrations.yaml`."""
        folders = [self.state_directory, *(self.directory / name for name in FOLDERS)]
        files = [self.directory / FILE, self.file, *(self.directory / TESTS).glob("*.yaml")]
        return is_owned(path, self.directory, folders, files, self._without_secrets().fill(self._root))

    @property
    def orchestrations(self) -> tuple[str, ...]:
        """The names, in the order of the file."""
        return self._names("orchestrations")

    @property
    def destinations(self) -> tuple[str, ...]:
        """The names, in the order of the file."""
        return self._names("destinations")

    @property
    def credentials(self) -> tuple[str, ...]:
        """The names, in the order of the file."""
        return self._names("credentials")

    @property
    def warehouses(self) -> tuple[str, ...]:
        """The names, in the order of the file."""
        return self._names("warehouses")

    @property
    def engines(self) -> tuple[str, ...]:
        """The names, in the order of the file."""
        return self._names("engines")

    def orchestration(self, name: str) -> Orchestration:
        """Return an orchestration with its warehouse and destination.

        Raises ConfigurationError for an unknown name, a variable that is not set, an invalid value from the environment
        and a missing query or template file.
        """
        resolver = self._resolver("orchestrations", name)
        return self._result(resolver, resolver.orchestration(name, self.target))

    def partial_orchestration(self, name: str) -> Orchestration:
        """Return what an orchestration says of its query and template, however invalid the rest of it is."""
        return self._without_secrets().partial_orchestration(name, self.target)

    def is_automatic(self, name: str) -> bool:
        """Return true if an orchestration runs on its schedule. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("orchestrations", name)
        node = section(self._root, "orchestrations").at((name,)).child("workflow")
        workflow = resolver.fill(node).value if node else None
        return bool(self._result(resolver, str(workflow)) == "automatic")

    def tags(self, name: str) -> tuple[str, ...]:
        """Return the tags of an orchestration. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("orchestrations", name)
        tags: tuple[str, ...] = resolver.value_of("orchestrations", name, "tags", words) or ()
        return self._result(resolver, tags)

    def destination(self, name: str) -> DestinationSettings:
        """Return a destination with its credential. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("destinations", name)
        return self._result(resolver, resolver.destination(name))

    def credential(self, name: str) -> Credential:
        """Return a credential. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("credentials", name)
        return self._result(resolver, resolver.credential(name))

    def api_urls(self, credential: str) -> tuple[str, ...]:
        """Return the distinct addresses at which destinations use a credential. Raises ConfigurationError."""
        entries = [section(self._root, "destinations").at((name,)) for name in self.destinations_of(credential)]
        resolver = self._new_resolver()
        urls: list[str] = []
        for entry in entries:
            written = entry.child("api_url")
            if written is None or written.value is None:
                urls += _default_url(entry)
                continue
            node = resolver.fill(written)
            try:
                urls.append(api_url(node.value))
            except ValueError as error:
                resolver.problems.add(node, str(error))
        resolver.problems.raise_any()
        return tuple(dict.fromkeys(urls))

    def networks(self, credential: str) -> tuple[Network, ...]:
        """Return the distinct networks of the destinations that use a credential. Raises ConfigurationError."""
        resolver = self._new_resolver()
        networks = [resolver.network(name) for name in self.destinations_of(credential)]
        resolver.problems.raise_any()
        return tuple(dict.fromkeys(networks))

    def engine(self, name: str) -> EngineSettings:
        """Return an engine. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("engines", name)
        return self._result(resolver, resolver.engine(name))

    def warehouse(self, name: str) -> Warehouse:
        """Return a warehouse. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("warehouses", name)
        return self._result(resolver, resolver.warehouse(name))

    @property
    def ledger_url(self) -> str:
        """The SQLAlchemy URL of the ledger, which may hold a password. Raises ConfigurationError."""
        ledger = self._top("ledger").ledger
        default = f"sqlite:///{self.state_directory / 'ledger.sqlite'}"
        return absolute_url(self.directory, ledger.get_secret_value()) if ledger else default

    @property
    def retention_days(self) -> int:
        """The number of days to keep the folder of a finished run. Raises ConfigurationError."""
        return self._top("retention_days").retention_days

    @property
    def has_dbt(self) -> bool:
        """True if the file has settings of dbt, which may need variables that are not set."""
        node = self._root.child("dbt")
        return node is not None and node.value is not None

    @property
    def dbt(self) -> DbtSettings | None:
        """The dbt project, with an absolute path. Raises ConfigurationError."""
        dbt = self._top("dbt").dbt
        return dbt.model_copy(update={"manifest": self.directory / dbt.manifest}) if dbt else None

    @property
    def assistants_may_run(self) -> bool:
        """True if assistants may run orchestrations. Raises ConfigurationError."""
        return self._top("mcp").mcp.run

    @property
    def console(self) -> ConsoleSettings:
        """The settings of the console in the browser. Raises ConfigurationError."""
        return self._top("console").console

    @property
    def notifications(self) -> tuple[str, ...]:
        """The names, in the order of the file."""
        return self._names("notifications")

    def notification(self, name: str) -> Notification:
        """Return a notification. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("notifications", name)
        return self._result(resolver, resolver.notification(name))

    @property
    def roles(self) -> dict[str, Role]:
        """The roles by name; without any, everybody has all rights. Raises ConfigurationError."""
        return self._top("roles").roles

    def restrictions(self, orchestration: str) -> Restrictions:
        """Return what the destination of an orchestration requires of its users. Reads no credential.

        Raises ConfigurationError as `orchestration` does.
        """
        resolver = self._resolver("orchestrations", orchestration)
        destination = resolver.value_of("orchestrations", orchestration, "destination", text) or ""
        resolver.problems.raise_any()
        return self.restrictions_of(destination)

    def restrictions_of(self, destination: str) -> Restrictions:
        """Return what a destination requires of its users. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("destinations", destination)
        admin_only = resolver.value_of("destinations", destination, "admin_only", switch) or False
        if admin_only and not has_roles(self._root):
            node = self.node("destinations", destination, "admin_only")
            resolver.problems.add(node, WITHOUT_ROLES, rule=Rule.KEY_CONFLICT)
        pii = resolver.value_of("destinations", destination, "pii", switch) or False
        resolver.problems.raise_any()
        return Restrictions(destination, admin_only, pii)

    def settings_used(self, orchestration: str) -> dict[str, SettingText]:
        """Return the settings of an orchestration and all that it uses, filled in with the variables that are set."""
        self._resolver("orchestrations", orchestration)
        return settings_used(self._root, orchestration, self._without_secrets().fill)

    @property
    def default_regions(self) -> tuple[str, ...]:
        """The distinct default regions of the destinations. Raises ConfigurationError."""
        resolver = self._new_resolver()
        regions = [resolver.value_of("destinations", name, "default_region", region) for name in self.destinations]
        resolver.problems.raise_any()
        return tuple(dict.fromkeys(code or REGION for code in regions))

    def node(self, *path: str) -> Node:
        """Return the node at `path`, or the nearest one above it."""
        return self._root.at(path)

    def destinations_of(self, credential: str) -> tuple[str, ...]:
        """Return the names of the destinations that a credential opens."""
        entries = section(self._root, "destinations").entries()
        return tuple(name for name, entry in entries if str(entry.at(("credential",)).value) == credential)

    def location(self, *path: str) -> tuple[Path, int, int]:
        """Return the file, the line and the column of the value at `path`, or of the nearest one above it."""
        node = self._root.at(path)
        return self.file, node.line, node.column

    def _names(self, plural: str) -> tuple[str, ...]:
        return tuple(name for name, _ in section(self._root, plural).entries())

    def _resolver(self, plural: str, name: str) -> Resolver:
        names = self._names(plural)
        if name not in names:
            hint = did_you_mean(name, names) or (f" The names are {', '.join(names)}." if names else " There are none.")
            message = f'There is no {plural.removesuffix("s")} "{name}".{hint}'
            node = section(self._root, plural)
            raise ConfigurationError([Problem(message, self.file, node.line, node.column, Rule.UNKNOWN_NAME)])
        return self._new_resolver()

    def _new_resolver(self) -> Resolver:
        problems = ProblemList(self.file)
        return Resolver(
            self.directory,
            self._root,
            self._environ,
            problems,
            self._secrets,
            engine=self._engine,
            stand_ins=self._stand_ins,
        )

    def _without_secrets(self) -> Resolver:
        """Return a resolver that leaves placeholders of secrets as they are."""
        return Resolver(self.directory, self._root, self._environ, ProblemList(self.file))

    def _result(self, resolver: Resolver, entry: _Entry | None) -> _Entry:
        resolver.problems.raise_any()
        if entry is None:
            raise AssertionError("an entry that cannot be built has a problem")
        return entry

    def _top(self, key: str) -> Top:
        resolver = self._new_resolver()
        node = self._root.child(key)
        return self._result(resolver, resolver.top({key: node} if node else {}))


def _default_url(entry: Node) -> list[str]:
    """Return the address of a destination that names none, if its type has one."""
    model = destination_model(entry)
    field = model.model_fields.get("api_url") if model else None
    return [field.default] if field else []
