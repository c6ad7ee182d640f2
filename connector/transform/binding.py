"""Bind a data template to the columns that a query returns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from connector.catalogue import (
    BY_NAME,
    EVENTS,
    IDENTIFIERS,
    NUMBERS,
    OWN_PROPERTY,
    PARAMETERS,
    Catalogue,
    Kind,
    Parameter,
    column_name,
)
from connector.catalogue.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS
from connector.config.suggest import similar_column
from connector.errors import ConfigurationError, Problem, Rule
from connector.transform.sql.text import is_text
from connector.transform.stripped import NO_CLEANING, Cleaning
from connector.transform.template import Column, Constant, DataTemplate

_EXACT = frozenset({Kind.ID, Kind.ROUTE, Kind.ZIP})
"""Kinds that are compared digit by digit, as identifiers and times are."""

_SEEN = frozenset({Kind.NAME, Kind.DEVICE_TYPE})
_PLACES = frozenset({Kind.ZIP, Kind.PLACE, Kind.COUNTRY, Kind.REGION})
_MARKING = frozenset({Kind.ID, Kind.EXTERNAL_ID, Kind.DEVICE}) | _PLACES
WITHOUT_PLACEHOLDERS = frozenset({Kind.ID, Kind.URL}) | _PLACES
"""Kinds of parameters besides identifiers in which a placeholder word counts as no value."""

_CLEANING = {
    Kind.EMAIL: Cleaning.VISIBLE | Cleaning.SEPARATED,
    Kind.PHONE: Cleaning.VISIBLE | Cleaning.SEPARATED | Cleaning.NUMBERS,
    Kind.URL: Cleaning.PLACEHOLDERS,
    **dict.fromkeys(_SEEN, Cleaning.VISIBLE),
    **dict.fromkeys(_MARKING, Cleaning.VISIBLE | Cleaning.PLACEHOLDERS),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the result, and how the template reads it."""

    index: int
    """Its position."""
    name: str
    kind: pa.DataType
    """Its Arrow type."""
    timezone: str | None = None
    """The IANA name of the zone of times without an offset; None: that of the destination."""
    first: bool = False
    """A `value` that counts even if there are price and quantity."""


@dataclass(frozen=True)
class Binding:
    """The source of each parameter, and of each property of the user's own.

    A name is absent if nothing fills it.
    """

    fields: Mapping[str, tuple[Field, ...]]
    """The columns of each parameter."""
    constants: Mapping[str, Constant]
    """The constants of parameters."""
    own: Mapping[str, Field | Constant]
    """The user's own properties by their names, in the order of the template."""
    kinds: Mapping[str, Kind]
    """The kind of each parameter there is."""
    columns: tuple[str, ...] = ()
    """The names of all columns of the result."""
    template: str | None = None
    """The name of a template that takes no column by its name; None for one that does."""

    def indices(self) -> list[int]:
        """Return the positions of all columns that are read, ascending."""
        own = (field for field in self.own.values() if isinstance(field, Field))
        return sorted({field.index for fields in self.fields.values() for field in fields} | {f.index for f in own})

    def cleaning(self) -> dict[int, Cleaning]:
        """Return how the text of each column that is read is cleaned, ascending by position."""
        wanted = dict.fromkeys(self.indices(), NO_CLEANING)
        for name, fields in self.fields.items():
            for field in fields:
                wanted[field.index] |= cleaning_of(self.kinds[name])
        return wanted

    def is_marked(self, field: Field) -> bool:
        """Return whether placeholders in the texts of a column are marked."""
        found = any(field in fields and is_marking(self.kinds[name]) for name, fields in self.fields.items())
        return found and is_text(field.kind)

    def has(self, *names: str) -> bool:
        """Return whether any of the parameters has a source."""
        return any(name in self.fields or name in self.constants for name in names)


def bind(template: DataTemplate, schema: pa.Schema, catalogue: Catalogue = EVENTS) -> Binding:
    """Find the template's sources among the columns of `schema`, by their names in any case and without blanks around.

    Raises ConfigurationError for columns that are not there, are there twice, or are of a type
    that the parameter cannot be read from.
    """
    binder = _Binder(template, schema, catalogue)
    binding = binder.bind()
    if binder.problems:
        raise ConfigurationError(binder.problems)
    return binding


class _Binder:
    def __init__(self, template: DataTemplate, schema: pa.Schema, catalogue: Catalogue) -> None:
        self.template, self.schema, self.catalogue = template, schema, catalogue
        self.names = [column_name(name).lower() for name in schema.names]
        self.problems: list[Problem] = []

    def bind(self) -> Binding:
        fields: dict[str, tuple[Field, ...]] = {}
        constants: dict[str, Constant] = {}
        for parameter in self.catalogue.parameters:
            source = self.template.sources.get(parameter.name)
            if isinstance(source, Constant):
                constants[parameter.name] = source
            elif found := tuple(self._fields(parameter, source)):
                fields[parameter.name] = found
        return Binding(
            fields,
            constants,
            self._own(),
            {one.name: one.kind for one in self.catalogue.parameters},
            tuple(self.schema.names),
            None if self.template.identity else self.template.name,
        )

    def _fields(self, parameter: Parameter, columns: tuple[Column, ...] | None) -> Iterator[Field]:
        if columns is None and self.template.identity:
            present = [name for name in parameter.columns if name in self.names]
            columns = tuple(map(Column, present if parameter.many else present[:1]))
        for column in columns or ():
            if (field := self._field(parameter.name, column)) and self._readable(parameter, field):
                yield field

    def _own(self) -> dict[str, Field | Constant]:
        own: dict[str, Field | Constant] = {}
        for key, source in self.template.sources.items():
            if key.startswith(OWN_PROPERTY):
                filled = source if isinstance(source, Constant) else self._field(key, source[0])
                if isinstance(filled, Field) and not _has_json(filled.kind):
                    self._wrong_type(key, filled, "text, a number, a date, a list or a struct")
                elif filled:
                    own[key.removeprefix(OWN_PROPERTY)] = filled
        return own

    def _field(self, key: str, column: Column) -> Field | None:
        name = column_name(column.name).lower()
        count = self.names.count(name)
        if count == 1:
            index = self.names.index(name)
            kind = self.schema.types[index]
            return Field(index, self.schema.names[index], kind, column.timezone, column.first)
        if count:
            self._problem(key, f'There are {count} columns named "{column.name}"; {key} needs one.')
        else:
            hint = similar_column(column.name, self.schema.names)
            if not hint or looks_constant(self.catalogue, key, column.name):
                hint = f" For a constant, write {{value: {column.name}}}."
            returned = ", ".join(self.schema.names)
            self._problem(key, f'{key}: there is no column "{column.name}".{hint} There is: {returned}.')
        return None

    def _readable(self, parameter: Parameter, field: Field) -> bool:
        readable, wanted = _readable(parameter, field.kind)
        if not readable:
            self._wrong_type(parameter.name, field, wanted)
        return readable

    def _wrong_type(self, key: str, field: Field, wanted: str) -> None:
        metadata = self.schema.field(field.index).metadata or {}
        kind = metadata.get(b"type", str(field.kind).encode()).decode()
        self._problem(key, f'{key}: the column "{field.name}" is of type {kind}, but must be {wanted}: cast it.')

    def _problem(self, key: str, message: str) -> None:
        place = self.template.places.get(key)
        problem = Problem(message, rule=Rule.COLUMNS)
        at = replace(problem, file=place.file, line=place.line, column=place.column) if place else problem
        self.problems.append(at)


def looks_constant(catalogue: Catalogue, key: str, word: str) -> bool:
    """Return whether a word looks like a value of a parameter, and not like the name of a column."""
    parameter = catalogue.named(key)
    if parameter is None:
        return False
    is_code = parameter.kind in {Kind.CURRENCY, Kind.COUNTRY, Kind.REGION} and word.isupper() and len(word) < 4
    return (
        is_code
        or word in parameter.choices
        or (parameter.kind is Kind.EVENT and word in (*STANDARD_EVENTS, *LEGACY_EVENTS))
    )


def _readable(parameter: Parameter, kind: pa.DataType) -> tuple[bool, str]:
    number, exact = _is_number(kind), _is_exact(kind)
    moment = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    nothing = pa.types.is_null(kind)
    if parameter.kind in IDENTIFIERS:
        inner = kind.value_type if is_list(kind) else kind
        plain = not _unreadable(inner) if parameter.kind is Kind.EXTERNAL_ID else is_text(inner) or _is_number(inner)
        return nothing or (plain and _is_exact(inner)), "text, a number that is exact, or a list of them"
    if parameter.kind is Kind.TIMESTAMP:
        readable = nothing or moment or (number and exact) or is_text(kind)
        return readable, "a timestamp, a date, text, or a number that is exact"
    if parameter.kind in _EXACT and not exact:
        return False, "text, or a number that is exact"
    if parameter.kind in NUMBERS:
        return nothing or number or is_text(kind), "a number or text"
    return nothing or not _unreadable(kind), "text, a number, true or false, or a date"


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_exact(kind: pa.DataType) -> bool:
    """Return False for floats of 32 bits and less: they hold seven digits, and the seconds of today to a minute."""
    return kind not in (pa.float16(), pa.float32())


def _unreadable(kind: pa.DataType) -> bool:
    return not (
        is_text(kind)
        or pa.types.is_null(kind)
        or _is_number(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_date(kind)
        or pa.types.is_time(kind)
    )


def _has_json(kind: pa.DataType) -> bool:
    """Return whether the values of this type, nested ones included, can be written as JSON."""
    if is_list(kind):
        return _has_json(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_has_json(field.type) for field in kind)
    if pa.types.is_map(kind):
        return is_text(kind.key_type) and _has_json(kind.item_type)
    return not _unreadable(kind)


def cleaning_of(kind: Kind) -> Cleaning:
    """Return how the text of a column that fills a parameter of this kind is cleaned."""
    return _CLEANING.get(kind, NO_CLEANING)


def is_marking(kind: Kind) -> bool:
    """Return whether placeholders, or numbers of one digit, are marked in columns of parameters of this kind."""
    return bool(cleaning_of(kind) & (Cleaning.PLACEHOLDERS | Cleaning.NUMBERS))


def is_list(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def missing_requirements(binding: Binding, *, event_source: str, fixed_event_name: str | None) -> list[Problem]:
    """Return the problems because of which every row of the query would be rejected.

    A result that chooses the event source row by row is left to the rows.
    """
    if binding.has("event_source"):
        return []
    taken = [one for one in PARAMETERS if event_source in one.sources]
    required = [one for one in taken if one.missing and (one.kind is not Kind.EVENT or fixed_event_name is None)]
    identifiers = tuple(one.name for one in taken if one.kind in IDENTIFIERS)
    wanted = [*((one.name,) for one in required), identifiers]
    return [Problem(_lacking(names, binding), rule=Rule.COLUMNS) for names in wanted if not binding.has(*names)]


def _lacking(names: tuple[str, ...], binding: Binding) -> str:
    """Name the parameter that nothing fills, the columns that there are, and what to write."""
    advice = " Or set fixed_event_name on the destination." if names == ("event",) else ""
    returned = f" There is: {', '.join(binding.columns)}." if binding.columns else ""
    if binding.template is not None:
        parameters = " or ".join(names)
        return (
            f'The template "{binding.template}" maps no column to {parameters}: add `{names[0]}: COLUMN` below its '
            f"`parameters`, or `extends: {EVENTS.identity}` to take columns by their names.{advice}{returned}"
        )
    columns = " or ".join(f'"{BY_NAME[name].columns[0]}"' for name in names)
    near = similar_column(BY_NAME[names[0]].columns[0], binding.columns)
    return (
        f"There is no column {columns}.{near} Return one (`COLUMN AS {BY_NAME[names[0]].columns[0]}`), or map one in a "
        f"data template, named by `template`.{advice}{returned}"
    )
