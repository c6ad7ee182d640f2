"""A project folder: `load_project` checks the whole of it, `Project` hands out its parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from connector.config.addresses import TIKTOK, api_url, region
from connector.config.check import find_problems
from connector.config.credential import Credential
from connector.config.destination import REGION, DestinationSettings
from connector.config.fields import switch, text
from connector.config.layout import Top, check_size, section
from connector.config.network import Network
from connector.config.nodes import Node
from connector.config.notification import Notification
from connector.config.orchestration import Orchestration
from connector.config.problems import ProblemList
from connector.config.project_files import FOLDERS, is_owned
from connector.config.resolve import Resolver
from connector.config.roles import WITHOUT_ROLES, Restrictions, Role, has_roles
from connector.config.setting_diff import SettingText, settings_used
from connector.config.suggest import did_you_mean
from connector.config.targets import choose_target, merged_targets, target_names
from connector.config.warehouse import Warehouse, within
from connector.config.yaml import parse_yaml
from connector.errors import ConfigurationError, Problem

FILE = "orchestrations.yaml"
STATE = ".connector"

CONFIG_DIRECTORY = "CONNECTOR_SAVED_FILES"
"""The variable by which `connector start` has a run read the last good files while those of the project are broken."""

_Entry = TypeVar("_Entry")


def load_project(
    directory: Path, environ: Mapping[str, str], target: str | None = None, *, config_directory: Path | None = None
) -> "Project":
    """Read and check `orchestrations.yaml`. The environment is read only when a part is requested.

    With `config_directory`, read the file, the queries and the templates there, as a copy of those of the project.

    Raises ConfigurationError with the problems under all targets.
    """
    directory = directory.absolute()
    file = (config_directory or directory) / FILE
    if not file.is_file():
        raise ConfigurationError(f"There is no {FILE} in {file.parent}. Write a project there with: connector init")
    document, problems = parse_yaml(file)
    if document is None:
        raise ConfigurationError(problems)
    findings = ProblemList(file)
    for problem in problems:
        findings.record(problem)
    if not isinstance(document.root.value, dict):
        findings.add(document.root, "must be a mapping that begins with version: 1", secret=True)
        findings.raise_any()
    check_size(document.root, findings)
    chosen = choose_target(document.root, target, findings)
    trees = merged_targets(document.root, findings)
    for problem in find_problems(file, trees, chosen):
        findings.record(problem)
    findings.raise_any()
    return Project(file, directory, target_names(document.root), chosen, trees[chosen], environ)


@dataclass(frozen=True, repr=False)
class Project:
    """A checked project under one target. It prints as its folder and target alone."""

    file: Path
    directory: Path
    """The project's folder, to which paths are relative."""
    targets: tuple[str, ...]
    target: str
    _root: Node
    _environ: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Project({str(self.directory)!r}, target={self.target!r})"

    def under(self, target: str) -> "Project":
        """Give the same project under another target. Raises ConfigurationError where there is none of that name."""
        if target == self.target:
            return self
        return load_project(self.directory, self._environ, target, config_directory=self.config_directory)

    @property
    def config_directory(self) -> Path:
        """The folder of `orchestrations.yaml`, the queries and the templates."""
        return self.file.parent

    @property
    def state_directory(self) -> Path:
        """Where the ledger, staged runs and tokens are kept."""
        return self.directory / STATE

    def owns(self, path: Path) -> bool:
        """Tell whether a file belongs to the project or its state, or is named in `orchestrations.yaml`."""
        folders = [self.state_directory, *(self.directory / name for name in FOLDERS)]
        files = [self.directory / FILE, self.file]
        return is_owned(path, self.directory, folders, files, self._reading().fill(self._root))

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

    def orchestration(self, name: str) -> Orchestration:
        """Give an orchestration with all that it refers to.

        Raises ConfigurationError: no such name, a variable that is not set, a value from the environment that
        is not allowed, no such query or template file.
        """
        resolver = self._resolver("orchestrations", name)
        return self._settled(resolver, resolver.orchestration(name, self.target))

    def is_automatic(self, name: str) -> bool:
        """Whether an orchestration runs by its schedule. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("orchestrations", name)
        written = section(self._root, "orchestrations").at((name,)).child("workflow")
        workflow = resolver.fill(written).value if written else None
        return bool(self._settled(resolver, str(workflow)) == "automatic")

    def destination(self, name: str) -> DestinationSettings:
        """Give a destination with its credential. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("destinations", name)
        return self._settled(resolver, resolver.destination(name))

    def credential(self, name: str) -> Credential:
        """Give a credential. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("credentials", name)
        return self._settled(resolver, resolver.credential(name))

    def api_urls(self, credential: str) -> tuple[str, ...]:
        """Give the addresses at which destinations use a credential, each once. Raises ConfigurationError."""
        used = [section(self._root, "destinations").at((name,)) for name in self._using(credential)]
        resolver = self._reading()
        written = [node for entry in used if (node := entry.child("api_url")) and node.value is not None]
        found: list[str] = [] if len(written) == len(used) else [TIKTOK]
        for node in map(resolver.fill, written):
            try:
                found.append(api_url(node.value))
            except ValueError as error:
                resolver.findings.add(node, str(error))
        resolver.findings.raise_any()
        return tuple(dict.fromkeys(found))

    def networks(self, credential: str) -> tuple[Network, ...]:
        """Give the ways on which destinations reach TikTok with a credential, each once. Raises ConfigurationError."""
        resolver = Resolver(self.directory, self._root, self._environ, ProblemList(self.file))
        found = [resolver.network(name) for name in self._using(credential)]
        resolver.findings.raise_any()
        return tuple(dict.fromkeys(found))

    def warehouse(self, name: str) -> Warehouse:
        """Give a warehouse. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("warehouses", name)
        return self._settled(resolver, resolver.warehouse(name))

    @property
    def ledger_url(self) -> str:
        """The SQLAlchemy URL of the ledger, which may hold a password. Raises ConfigurationError."""
        ledger = self._top("ledger").ledger
        default = f"sqlite:///{self.state_directory / 'ledger.sqlite'}"
        return within(self.directory, ledger.get_secret_value()) if ledger else default

    @property
    def retention_days(self) -> int:
        """How long a finished run's stage is kept. Raises ConfigurationError."""
        return self._top("retention_days").retention_days

    @property
    def notifications(self) -> tuple[str, ...]:
        """The names, in the order of the file."""
        return self._names("notifications")

    def notification(self, name: str) -> Notification:
        """Give a way to reach somebody. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("notifications", name)
        return self._settled(resolver, resolver.notification(name))

    @property
    def roles(self) -> dict[str, Role]:
        """Who may do what; where there are none, everybody may everything. Raises ConfigurationError."""
        return self._top("roles").roles

    def restrictions(self, orchestration: str) -> Restrictions:
        """Give what the destination of an orchestration asks of those who use it; no credential is looked at.

        Raises ConfigurationError as `orchestration` does.
        """
        resolver = self._resolver("orchestrations", orchestration)
        destination = resolver.written("orchestrations", orchestration, "destination", text) or ""
        resolver.findings.raise_any()
        return self.restrictions_of(destination)

    def restrictions_of(self, destination: str) -> Restrictions:
        """Give what a destination asks of those who use it. Raises ConfigurationError as `orchestration` does."""
        resolver = self._resolver("destinations", destination)
        admin_only = resolver.written("destinations", destination, "admin_only", switch) or False
        if admin_only and not has_roles(self._root):
            resolver.findings.add(self.node("destinations", destination, "admin_only"), WITHOUT_ROLES)
        pii = resolver.written("destinations", destination, "pii", switch) or False
        resolver.findings.raise_any()
        return Restrictions(destination, admin_only, pii)

    def settings_used(self, orchestration: str) -> dict[str, SettingText]:
        """Give what is written for an orchestration and all that it refers to, variables filled in that are set."""
        return settings_used(self._root, orchestration, self._resolver("orchestrations", orchestration).fill)

    @property
    def default_regions(self) -> tuple[str, ...]:
        """Where destinations take a phone number without a country code to belong, each once."""
        resolver = Resolver(self.directory, self._root, self._environ, ProblemList(self.file))
        written = [resolver.written("destinations", name, "default_region", region) for name in self.destinations]
        resolver.findings.raise_any()
        return tuple(dict.fromkeys(one or REGION for one in written))

    def node(self, *path: str) -> Node:
        """Give what is written at `path`, or what is nearest above it."""
        return self._root.at(path)

    def destinations_of(self, credential: str) -> tuple[str, ...]:
        """Give the names of the destinations that a credential opens."""
        return tuple(self._using(credential))

    def place(self, *path: str) -> tuple[Path, int]:
        """Give the file, and the line on which the value at `path` (or what is nearest above it) is written."""
        return self.file, self._root.at(path).line

    def _names(self, plural: str) -> tuple[str, ...]:
        return tuple(name for name, _ in section(self._root, plural).entries())

    def _using(self, credential: str) -> list[str]:
        """The destinations that a credential opens."""
        entries = section(self._root, "destinations").entries()
        return [name for name, entry in entries if str(entry.at(("credential",)).value) == credential]

    def _resolver(self, plural: str, name: str) -> Resolver:
        names = self._names(plural)
        if name not in names:
            hint = did_you_mean(name, names) or f" There is {', '.join(names) or 'none'}."
            message = f'There is no {plural.removesuffix("s")} "{name}".{hint}'
            raise ConfigurationError([Problem(message, self.file, section(self._root, plural).line)])
        return self._reading()

    def _reading(self) -> Resolver:
        return Resolver(self.directory, self._root, self._environ, ProblemList(self.file))

    def _settled(self, resolver: Resolver, entry: _Entry | None) -> _Entry:
        resolver.findings.raise_any()
        if entry is None:
            raise AssertionError("an entry that cannot be built has a finding")
        return entry

    def _top(self, key: str) -> Top:
        resolver = self._reading()
        node = self._root.child(key)
        return self._settled(resolver, resolver.top({key: node} if node else {}))
