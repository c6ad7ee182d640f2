"""Load data templates, which define the source of each parameter's value.

`templates/NAME.yaml` holds `parameters:`, each a column's name, a list of names, `{column: …}` with
`timezone` (timestamp) or `first` (value), or `{value: constant}`; `extends:` names a template to
start from. The identity templates, `tiktok_events` and `tiktok_audience`, take each parameter from the column of its
own name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from connector.catalogue import CATALOGUES, EVENTS, OWN_PROPERTY, Catalogue, Kind
from connector.config.addresses import zone_advice
from connector.config.suggest import did_you_mean
from connector.config.yaml import Document, read_yaml
from connector.core.countries import alpha2
from connector.core.disk import is_file
from connector.errors import ConfigurationError, Problem, Rule
from connector.transform.packed import is_placeholder

_COLUMN_KEYS = ("column", "timezone", "first")

Scalar = str | int | float | bool
RenderValue = Callable[[str, Path, int], object]
"""Renders `{{ parameters.x }}` in a constant; the file and line are for its error."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the query's result, and how its value is read."""

    name: str
    timezone: str | None = None
    first: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value for every row."""

    value: Scalar


Source = tuple[Column, ...] | Constant


@dataclass(frozen=True, slots=True)
class Place:
    """The file and line in which a parameter is bound."""

    file: Path
    line: int
    column: int = 1


@dataclass(frozen=True)
class DataTemplate:
    """The sources of parameters (or of `properties.x`), in the order of the file.

    With `identity`, a parameter without a source of its own is taken from the column of its name.
    """

    name: str
    identity: bool = True
    sources: Mapping[str, Source] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)


def load_template(
    name: str | None, directory: Path, render: RenderValue, catalogue: Catalogue = EVENTS
) -> DataTemplate:
    """Load the template `name` of the project's `templates` folder `directory`, with the templates that it extends.

    Without a name, the identity template of the catalogue. Raises ConfigurationError with every problem found.
    """
    if name is None:
        return DataTemplate(catalogue.identity)
    problems: list[Problem] = []
    template = _Loader(directory, render, problems, catalogue).load(name, ())
    if problems:
        raise ConfigurationError(problems)
    return template


class _Loader:
    def __init__(self, directory: Path, render: RenderValue, problems: list[Problem], catalogue: Catalogue) -> None:
        self.directory, self.render, self.problems, self.catalogue = directory, render, problems, catalogue

    def load(self, name: str, extending: tuple[str, ...], asked: Place | None = None) -> DataTemplate:
        path = self.directory / f"{name}.yaml"
        if name != self.catalogue.identity and name in {one.identity for one in CATALOGUES}:
            self._other_kind(name, asked)
            return DataTemplate(name)
        if not is_file(path):
            if name != self.catalogue.identity:
                self._missing(name, asked)
            return DataTemplate(name)
        document = read_yaml(path)
        entries = self._entries(document, path)
        base = self._base(document, name, (*extending, name))
        own = {key: source for key, value in entries.items() if (source := self._source(key, value, document))}
        places = {key: _place(document, "parameters", key) for key in own}
        renamed = {self._canonical(key): source for key, source in own.items()}
        return DataTemplate(
            name,
            identity=base.identity,
            sources={**base.sources, **renamed},
            places={**base.places, **{self._canonical(key): place for key, place in places.items()}},
        )

    def _missing(self, name: str, asked: Place | None) -> None:
        known = sorted({self.catalogue.identity, *(path.stem for path in self.directory.glob("*.yaml"))})
        message = f'There is no data template "{name}" in {self.directory.name}/.{did_you_mean(name, known)}'
        self._add(message, asked, Rule.UNKNOWN_NAME)

    def _other_kind(self, name: str, asked: Place | None) -> None:
        message = (
            f'The template "{name}" is for the other kind of destination; this one\'s is "{self.catalogue.identity}".'
        )
        self._add(message, asked, Rule.INVALID_VALUE)

    def _base(self, document: Document, name: str, extending: tuple[str, ...]) -> DataTemplate:
        base = document.data.get("extends") if isinstance(document.data, dict) else None
        if base is None:
            return DataTemplate(name, identity=name == self.catalogue.identity)
        place = _place(document, "extends")
        if not isinstance(base, str):
            self._problem(place, f"extends names one template, such as {self.catalogue.identity}.")
        elif base in extending:
            self._problem(place, f"extends goes round in a circle: {' → '.join((*extending, base))}.", Rule.CYCLE)
        else:
            return self.load(base, extending, place)
        return DataTemplate(name)

    def _entries(self, document: Document, path: Path) -> dict[str, object]:
        data = document.data
        if data is None:
            return {}
        if not isinstance(data, dict):
            self._problem(Place(path, 1), "A data template is a mapping with extends and parameters.")
            return {}
        for key in data:
            if key not in {"extends", "parameters", "description"}:
                self._problem(_place(document, key), self._unknown_key(str(key)), Rule.UNKNOWN_KEY)
        entries = data.get("parameters") or {}
        if isinstance(entries, dict):
            return entries
        advice = ", without the `- ` of a list" if isinstance(entries, list) else ""
        message = f"parameters is a mapping: write `PARAMETER: COLUMN` below it{advice}."
        self._problem(_place(document, "parameters"), message)
        return {}

    def _unknown_key(self, key: str) -> str:
        if self.catalogue.named(key) or (self.catalogue.own_properties and key.startswith(OWN_PROPERTY)):
            return f'"{key}" is a parameter: write it below parameters, indented.'
        return f'Unknown key "{key}" in a data template.{did_you_mean(key, ("extends", "parameters", "description"))}'

    def _source(self, key: str, value: object, document: Document) -> Source | None:
        place = _place(document, "parameters", key)
        if message := self._unknown_parameter(key, value):
            self._problem(place, message, Rule.UNKNOWN_PARAMETER)
            return None
        if isinstance(value, dict) and "value" in value:
            return self._constant(key, value, place)
        items = value if isinstance(value, list) else [value]
        places = [_place(document, "parameters", key, index) for index in range(len(items))]
        columns = [self._column(key, item, at) for item, at in zip(items, places, strict=True)]
        if isinstance(value, list) and not columns:
            self._problem(place, f"{key} has an empty list: name at least one column.")
            return None
        parameter = self.catalogue.named(key)
        if len(columns) > 1 and not (parameter and parameter.many):
            several = ", ".join(one.name for one in self.catalogue.parameters if one.many)
            self._problem(place, f"{key} takes one column; only {several} take several.")
            return None
        return tuple(column for column in columns if column) or None

    def _constant(self, key: str, value: dict[str, object], place: Place) -> Constant | None:
        if others := sorted(set(value) - {"value"}):
            self._problem(place, f'{key} has a constant value; "{others[0]}" does not go with it.', Rule.KEY_CONFLICT)
            return None
        constant = value["value"]
        if isinstance(constant, str):
            try:
                constant = self.render(constant, place.file, place.line)
            except ConfigurationError as error:
                self.problems += [replace(problem, column=place.column) for problem in error.problems]
                return None
        if message := self._wrong_constant(key, constant):
            self._problem(place, message)
            return None
        if constant is None or isinstance(constant, str | int | float | bool):
            return Constant("" if constant is None else constant)
        self._problem(place, f"{key} takes one constant: text, a number, true or false.")
        return None

    def _wrong_constant(self, key: str, constant: object) -> str | None:
        """Return what is wrong with a constant by which nothing could be read in any row."""
        parameter, written = self.catalogue.named(key), str(constant or "").strip()
        is_country = parameter is not None and parameter.kind in {Kind.COUNTRY, Kind.REGION}
        if not is_country or not written or is_placeholder(written) or alpha2(written):
            return None
        return f'{key} is "{written}", which is not a country: write its code or its name, such as DE or Germany.'

    def _column(self, key: str, item: object, place: Place) -> Column | None:
        if isinstance(item, str) and item.strip():
            return Column(item)
        if not isinstance(item, dict):
            constant = "true" if item is True else "false" if item is False else item
            advice = f" For a constant, write {{value: {constant}}}." if isinstance(item, int | float) else ""
            takes = f"{key} takes a column's name, a list of names, {{column: …}} or {{value: …}}."
            self._problem(place, takes + advice)
            return None
        for word in item:
            if word not in _COLUMN_KEYS:
                hint = did_you_mean(str(word), (*_COLUMN_KEYS, "value"))
                self._problem(place, f'{key} has the unknown key "{word}".{hint}', Rule.UNKNOWN_KEY)
        return self._described_column(key, item, place)

    def _described_column(self, key: str, item: dict[str, object], place: Place) -> Column | None:
        name, zone, first = item.get("column"), item.get("timezone"), item.get("first", False)
        if not isinstance(name, str):
            self._problem(place, f"{key} lacks the column's name: {{column: …}}.")
        elif zone is not None and not (self._is_time(key) and _is_zone(zone)):
            self._problem(place, self._zone_message(key, zone))
        elif first is not False and (key != "value" or first is not True):
            self._problem(place, f"{key}: first is true or false, and only for value.")
        else:
            return Column(name, zone if isinstance(zone, str) else None, first is True)
        return None

    def _problem(self, place: Place, message: str, rule: Rule = Rule.INVALID_VALUE) -> None:
        self._add(message, place, rule)

    def _add(self, message: str, place: Place | None, rule: Rule) -> None:
        problem = Problem(message, rule=rule)
        at = replace(problem, file=place.file, line=place.line, column=place.column) if place else problem
        self.problems.append(at)

    def _canonical(self, key: str) -> str:
        parameter = self.catalogue.named(key)
        return parameter.name if parameter else key

    def _unknown_parameter(self, key: str, value: object) -> str | None:
        own = self.catalogue.own_properties
        if own and key.startswith(OWN_PROPERTY):
            return self._wrong_property(key)
        if self.catalogue.named(key):
            return None
        if isinstance(value, str) and self.catalogue.named(value):
            return f'Unknown parameter "{key}". The other way round: `{value}: {key}`.'
        known = [*self.catalogue.names, *([OWN_PROPERTY + "…"] if own else [])]
        return f'Unknown parameter "{key}".{did_you_mean(key, known)}'

    def _wrong_property(self, key: str) -> str | None:
        own, parameters = key.removeprefix(OWN_PROPERTY), self.catalogue.parameters
        taken = {p.path[-1]: p.name for p in parameters if p.path[:1] == ("properties",) and len(p.path) == 2}
        if own == "contents":
            return "properties.contents is built from content_id, price, quantity and the like; map those."
        if own in taken:
            return f'{key} is the parameter "{taken[own]}": map that.'
        return None if own else f'"{key}" lacks the property\'s name.'

    def _is_time(self, key: str) -> bool:
        parameter = self.catalogue.named(key)
        return parameter is not None and parameter.kind is Kind.TIMESTAMP

    def _zone_message(self, key: str, zone: object) -> str:
        if not self._is_time(key):
            times = " and ".join(one.name for one in self.catalogue.parameters if one.kind is Kind.TIMESTAMP)
            return f"{key}: timezone goes with {times or 'times'} only."
        advice = zone_advice(str(zone)) or " Write one such as America/New_York."
        return f'{self._canonical(key)}: "{zone}" is not an IANA time zone.{advice}'


def _place(document: Document, *path: str | int) -> Place:
    return Place(document.file, *document.place(path))


def _is_zone(zone: object) -> bool:
    if not isinstance(zone, str):
        return False
    try:
        # To list all zones would take longer than the rest of the template.
        ZoneInfo(zone)
    except (OSError, ValueError, LookupError):
        return False
    return True
