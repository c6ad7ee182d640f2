"""Parsing of faults: `KIND:KEY=VALUE,…` of an option, objects of a file or of the control endpoint."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from connector.errors import UsageError
from connector.simulator.fault_effects import KINDS
from connector.simulator.faults import Fault

_TYPES = {name: set(get_args(hint) or (hint,)) - {NoneType} for name, hint in get_type_hints(Fault).items()}
_FIELD_NAMES = [one.name for one in fields(Fault) if one.name != "kind"]


MAX_FILE_BYTES = 1 << 20
_MAX_QUOTED = 60
_A_DAY = 86_400


def parse(text: str) -> Fault:
    """Parse text such as `lost:times=2,every=3` into a fault. Raises UsageError."""
    kind, _, rest = text.partition(":")
    pairs = [pair.partition("=") for pair in rest.split(",") if pair]
    return build({"kind": kind.strip(), **{name.strip(): value for name, _, value in pairs}})


def build(definition: object) -> Fault:
    """Build a fault from an object such as `{"kind": "lost", "times": 2}`, or from text. Raises UsageError."""
    if isinstance(definition, str):
        return parse(definition)
    if not isinstance(definition, Mapping):
        raise UsageError("A fault is text such as 'lost:times=1' or an object.")
    kind = definition.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise UsageError(f"Unknown fault {str(kind)[:_MAX_QUOTED]!r}: use one of {', '.join(KINDS)}.")
    unknown = [name for name in definition if name not in _TYPES]
    if unknown:
        name = str(unknown[0])[:_MAX_QUOTED]
        raise UsageError(f"Unknown field {name!r} of a fault: use one of {', '.join(_FIELD_NAMES)}.")
    return _check(Fault(**{name: _convert_value(name, value) for name, value in definition.items()}))


def read(path: Path) -> list[Fault]:
    """Read the list of faults in a YAML or JSON file. Raises UsageError."""
    import yaml

    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise UsageError(f"{path}: this file is larger than {MAX_FILE_BYTES >> 20} MiB. Write fewer faults.")
        definitions = yaml.safe_load(content)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}.") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UsageError(f"{path}: this is neither YAML nor JSON.") from None
    if not isinstance(definitions, list):
        raise UsageError(f"{path}: write a list of faults, such as `- lost:times=1`.")
    return [build(one) for one in definitions]


def _convert_value(name: str, value: object) -> Any:
    """Convert a value to the type of its field; YAML may already have made a number of it."""
    text = str(value)
    for kind in (int, float):
        if kind in _TYPES[name]:
            try:
                return kind(text)
            except ValueError:
                raise UsageError(f"{name} is a number, not {text[:_MAX_QUOTED]!r}.") from None
    return text


def _check(fault: Fault) -> Fault:
    """Return the fault. Raises UsageError if it would never match, or match everything by mistake."""
    if fault.kind == "no_permission" and fault.event_source_id is None:
        raise UsageError("no_permission needs an event_source_id.")
    if fault.kind == "refuse" and (fault.event, fault.event_id, fault.field, fault.share) == (None,) * 4:
        raise UsageError("refuse needs an event_id, an event, a field or a share.")
    if fault.value is not None and fault.field is None:
        raise UsageError("value needs a field.")
    if fault.every < 1 or fault.skip < 0 or not 0 <= fault.seconds <= _A_DAY or (fault.times or 0) < 0:
        raise UsageError("every is at least 1; skip and times are at least 0, seconds from 0 to 86400.")
    if fault.status is not None and not 200 <= fault.status <= 599:
        raise UsageError(f"status is an HTTP status from 200 to 599, not {fault.status}.")
    if fault.share is not None and not 0 <= fault.share <= 1:
        raise UsageError(f"share is from 0 to 1, not {fault.share}.")
    return fault
