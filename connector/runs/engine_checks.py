"""Checks that an orchestration can run on the machines of its engine, before anything is opened."""

import os
import re
import socket
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from connector.config.addresses import SIMULATOR
from connector.config.destination import DestinationSettings
from connector.config.engine import AUTO, LOCAL, EngineSettings
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.core.local_server import is_loopback
from connector.core.version import install_hint
from connector.errors import ConfigurationError, Problem, Rule

_MOUNTS = Path("/proc/self/mountinfo")
_DISKS = frozenset("apfs bcachefs btrfs exfat ext2 ext3 ext4 f2fs ntfs3 overlay ramfs tmpfs vfat xfs zfs".split())
"""File systems that one machine has for itself."""
_OCTAL = re.compile(r"\\([0-7]{3})")
_DATABASE_FILE = re.compile(r"(?:duckdb|sqlite)(?:\+\w+)?:///(?P<path>/[^?]+)", re.DOTALL)


def engine_problems(project: Project, orchestration: Orchestration, engine: EngineSettings) -> list[Problem]:
    """Return why an orchestration cannot run on an engine."""
    problems = [
        _missing_ray(project, engine),
        _missing_cryptography(project, orchestration, engine),
        _address_problem(project, engine),
        _ledger_problem(project, orchestration, engine),
        _simulator_problem(project, orchestration),
    ]
    if has_other_machines(engine):
        problems += [
            _stage_problem(project, engine),
            _loopback_problem(project, orchestration.destination, engine),
            _folder_problem(project, orchestration.destination, engine),
        ]
    return [problem for problem in problems if problem is not None]


def check_stage(project: Project, engine: EngineSettings) -> None:
    """Write, read and delete a file on the stage of an engine. Raises ConfigurationError if that fails."""
    from connector.staging.storage.shared_folder import SharedFolder, UnreachableFolder

    try:
        stage = SharedFolder.at(engine.stage)
        stage.child("run").refuse_unmounted()
        stage.check()
    except UnreachableFolder as error:
        fault = f"{error.fault}: mount it, or create it."
        raise ConfigurationError([_stage_fault(project, engine, fault)]) from None
    except ConfigurationError as error:
        raise ConfigurationError([_stage_fault(project, engine, error.message)]) from None


def engine_notes(project: Project, orchestration: Orchestration, engine: EngineSettings) -> Iterator[str]:
    """Yield a sentence for each place that is probably not the same on all machines of an engine."""
    if not has_other_machines(engine):
        return
    if is_loopback(project.ledger_url):
        yield "The ledger is at an address of this machine alone: each node of the cluster looks for its own there."
    warehouse, source = orchestration.warehouse, orchestration.file
    url = warehouse.url.get_secret_value() if warehouse else ""
    if warehouse and is_loopback(url):
        yield (
            f"warehouses.{warehouse.name}.url is an address of this machine alone: each node of the cluster looks for "
            "its own there."
        )
    file = _DATABASE_FILE.fullmatch(url)
    path = file["path"] if file else source if source and "://" not in source else None
    if path and (disk := disk_of(project.directory / path)):
        yield f"{path} is on a disk of this machine ({disk}): each node of the cluster needs the same file there."


def has_other_machines(engine: EngineSettings, environ: Mapping[str, str] = os.environ) -> bool:
    """Return true if the head of a cluster is another machine than this one. Ask nobody."""
    address = engine.address
    if address == AUTO:
        address = environ.get("RAY_ADDRESS") or LOCAL
    host = address.rpartition(":")[0].strip("[]")
    return bool(host) and not _is_here(host)


def _is_here(host: str) -> bool:
    """Return whether a host is this machine: its name, or one of its addresses. No name is looked up."""
    if host in {"localhost", socket.gethostname()}:
        return True
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
    except OSError:
        return False
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def disk_of(path: Path) -> str | None:
    """Return the file system of a path that is on a disk of this machine; None if it is not, or that is unknown."""
    try:
        lines = _MOUNTS.read_text("utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    real = path.resolve()
    mounts = [fields for line in lines if len(fields := line.split(" - ")) == 2]
    found = [(point, after.split()[0]) for before, after in mounts if real.is_relative_to(point := _point(before))]
    _, kind = max(found, key=lambda mount: len(mount[0].parts), default=(real, ""))
    return kind if kind in _DISKS else None


def _point(fields: str) -> Path:
    return Path(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields.split()[4]))


def _missing_ray(project: Project, engine: EngineSettings) -> Problem | None:
    found = find_spec("ray")
    if found is not None and found.origin is not None:
        return None
    place = project.location("engines", engine.name, "type")
    return Problem(f'The engine "{engine.name}" needs ray: {install_hint("ray")}.', *place, Rule.MISSING_DRIVER)


def _address_problem(project: Project, engine: EngineSettings) -> Problem | None:
    """Return what is wrong with the address of a stage in an object store. Nothing is asked there."""
    if "://" not in engine.stage or engine.stage.startswith("file://"):
        return None
    from connector.staging.storage.object_store import parse_address

    try:
        parse_address(engine.stage)
    except ConfigurationError as error:
        return _stage_fault(project, engine, error.message)
    return None


def _stage_fault(project: Project, engine: EngineSettings, message: str) -> Problem:
    place = project.location("engines", engine.name, "stage")
    return Problem(f"engines.{engine.name}.stage: {message}", *place, Rule.INVALID_VALUE)


def _missing_cryptography(project: Project, orchestration: Orchestration, engine: EngineSettings) -> Problem | None:
    """Return why the machines cannot share the grant of an app, which the ledger keeps encrypted."""
    name = orchestration.destination.credential_name
    if name is None or project.credential(name).app_secret is None or find_spec("cryptography") is not None:
        return None
    message = (
        f'The credential {name} has an app, whose grant the machines of the engine "{engine.name}" share, and '
        f"encrypting it needs cryptography: {install_hint('ray')}."
    )
    return Problem(message, *project.location("credentials", name, "app_secret"), Rule.MISSING_DRIVER)


def _ledger_problem(project: Project, orchestration: Orchestration, engine: EngineSettings) -> Problem | None:
    if project.ledger_url.partition(":")[0].startswith("postgres"):
        return None
    entry = ("ledger",) if project.node("ledger").origin else ("orchestrations", orchestration.name, "engine")
    message = (
        f'The engine "{engine.name}" needs a ledger on PostgreSQL, and the ledger is a file of SQLite: set ledger to a '
        "postgresql:// address that every node reaches."
    )
    place = project.location(*entry)
    return Problem(message, *place, Rule.KEY_CONFLICT)


def _simulator_problem(project: Project, orchestration: Orchestration) -> Problem | None:
    destination = orchestration.destination
    if not destination.is_ephemeral:
        return None
    message = (
        f"destinations.{destination.name}.api_url is {SIMULATOR}, a part of the process of a run, which the "
        "machines of an engine do not share: start `connector simulate`, and set api_url to the address that it prints."
    )
    place = project.location("destinations", destination.name, "api_url")
    return Problem(message, *place, Rule.KEY_CONFLICT)


def _stage_problem(project: Project, engine: EngineSettings) -> Problem | None:
    path = unquote(urlsplit(engine.stage).path) if engine.stage.startswith("file://") else engine.stage
    if "://" in path or not (disk := disk_of(Path(path))):
        return None
    message = (
        f"engines.{engine.name}.stage is {engine.stage}, on a disk of this machine ({disk}), and the cluster at "
        f"{engine.address} has other machines: use a folder that all of them mount, or s3:// or gs://."
    )
    return Problem(message, *project.location("engines", engine.name, "stage"), Rule.KEY_CONFLICT)


def _loopback_problem(project: Project, destination: DestinationSettings, engine: EngineSettings) -> Problem | None:
    if destination.is_ephemeral or not is_loopback(destination.address):
        return None
    message = (
        f"destinations.{destination.name}.api_url is {destination.address}, an address of this machine alone, and the "
        f"cluster at {engine.address} has other machines: use an address that all of them reach."
    )
    return Problem(message, *project.location("destinations", destination.name, "api_url"), Rule.KEY_CONFLICT)


def _folder_problem(project: Project, destination: DestinationSettings, engine: EngineSettings) -> Problem | None:
    folder = destination.local_folder
    if folder is None or not (disk := disk_of(project.directory / folder)):
        return None
    message = (
        f"destinations.{destination.name}.path is {folder}, on a disk of this machine ({disk}), and the cluster at "
        f"{engine.address} has other machines, which would write files of their own: use a folder that all of them "
        "mount, or s3:// or gs://."
    )
    return Problem(message, *project.location("destinations", destination.name, "path"), Rule.KEY_CONFLICT)
