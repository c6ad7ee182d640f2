"""Rows of a result with made-up values in place of what identifies a person, or could."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from connector.catalogue import Kind, Parameter
from connector.catalogue.vocabulary import EMPTY_DIGEST
from connector.runs.digests import digests_of
from connector.runs.job import Job
from connector.runs.result import compile_job, read_first_rows
from connector.transform.binding import Binding, Field, bind
from connector.transform.packed import is_digest, is_placeholder
from connector.transform.sql.functions import is_public_ip

_KEPT = frozenset(
    {
        *("content_id", "content_name", "content_category", "brand", "content_type", "shop_id", "locale"),
    }
)
"""Parameters besides those of `_KEPT_KINDS` whose values are written as they are, unless they could hold an address or
a phone number."""
_KEPT_KINDS = frozenset(
    {
        *(Kind.EVENT, Kind.TIMESTAMP, Kind.CURRENCY, Kind.CHOICE, Kind.AMOUNT, Kind.QUANTITY, Kind.DEVICE_TYPE),
        *(Kind.REGION, Kind.COUNTRY, Kind.ROUTE),
    }
)
_HASHED = frozenset({Kind.EMAIL, Kind.PHONE, Kind.EXTERNAL_ID, Kind.DEVICE})
_MOST_DIGITS, _LONGEST = 6, 100
_MADE_UP: Mapping[Kind, Callable[[int], str]] = {
    Kind.EMAIL: lambda number: f"person{number}@example.com",
    Kind.PHONE: lambda number: f"+1{907 + number // 100 % 92}5550{100 + number % 100}",
    Kind.EXTERNAL_ID: lambda number: f"customer-{number}",
    Kind.DEVICE: lambda number: f"00000000-0000-4000-8000-{number:012}",
    Kind.NAME: lambda number: f"name{number}",
    Kind.ZIP: lambda number: f"{10_000 + number}",
    Kind.PLACE: lambda number: f"place {number}",
    Kind.IP: lambda number: f"203.0.113.{1 + number % 250}",
    Kind.URL: lambda number: f"https://example.com/page-{number}",
}
"""A value of each kind, by its number. Addresses and numbers are those that are reserved for examples."""


@dataclass(frozen=True, slots=True)
class MadeUpRows:
    """Rows that have the outcomes of real ones, and no value by which somebody could be found."""

    columns: Mapping[str, str]
    """DuckDB's type of each column that the template reads."""
    rows: Sequence[Mapping[str, Any]]
    people: Mapping[str, str]
    """The made-up identifiers by their digests."""
    outcomes: Mapping[str, int]
    """The number of real rows by reason and warning."""


def made_up_rows(job: Job, directory: Path, limit: int) -> MadeUpRows:
    """Read the first rows of a job's result and make up what identifies people. Raises as a run does."""
    table = read_first_rows(job, directory, limit)
    binding = bind(job.template, table.schema, job.destination.catalogue)
    maker = _Maker(job, binding, table)
    fields = {one.index: one for _, ones in _bound(binding) for one in ones}
    names = [table.schema.field(index).name for index in sorted(fields)]
    columns = {name: maker.column(index) for index, name in zip(sorted(fields), names, strict=True)}
    rows = [{name: values[number] for name, values in columns.items()} for number in range(table.num_rows)]
    types = {
        name: _type_name(table.schema.field(index).type) for index, name in zip(sorted(fields), names, strict=True)
    }
    return MadeUpRows(types, rows, maker.people(), _outcomes(job, table))


def _outcomes(job: Job, table: pa.Table) -> Counter[str]:
    compiler, found = compile_job(job, table.schema), Counter[str]()
    for part in compiler.hash(table.to_batches(), threads=1, gather=False):
        judged = job.destination.judge(part, compiler)
        found.update(judged.rejects)
        found.update(judged.warnings)
    return found


def _bound(binding: Binding) -> Iterator[tuple[str, tuple[Field, ...]]]:
    """Yield the columns of each parameter, and of each property of the user's own."""
    yield from binding.fields.items()
    for name, source in binding.own.items():
        if isinstance(source, Field):
            yield name, (source,)


@dataclass
class _Maker:
    """Makes up the values of columns: the same for the same value, whichever column has it."""

    job: Job
    binding: Binding
    table: pa.Table
    _numbers: dict[tuple[Kind, str], dict[Any, int]] = field(default_factory=dict)
    _hashed: dict[tuple[str, str], None] = field(default_factory=dict)
    """The made-up values of hashed parameters, each with the name of the parameter."""

    def column(self, index: int) -> list[Any]:
        """Return the values of a column."""
        values = self.table.column(index).to_pylist()
        names = [name for name, fields in _bound(self.binding) if any(one.index == index for one in fields)]
        column = self.table.schema.field(index).name
        parameters = [self.job.destination.catalogue.named(name) for name in names]
        hashed = next((one for one in parameters if one and one.kind in _HASHED), None)
        if hashed:
            return self._identifiers(hashed, values)
        if any(one is None or not _is_kept(one) for one in parameters):
            named = next((one for one in parameters if one and one.kind in _MADE_UP), None)
            return [self._replaced(named, value, column) for value in values]
        return [
            _plain(value) if _is_safe(value, parameters) else self._replaced(None, value, column) for value in values
        ]

    def _number(self, kind: Kind, value: Any, name: str = "") -> int:
        """Return the number of a value among those of its kind, or of its column."""
        numbers = self._numbers.setdefault((kind, name), {})
        return numbers.setdefault(value, len(numbers) + 1)

    def _replaced(self, parameter: Parameter | None, value: Any, name: str) -> Any:
        """Return a made-up value of the type of a value that is given; what stands for nothing stays."""
        if value is None or isinstance(value, bool) or (isinstance(value, str) and _stands_for_nothing(value)):
            return value
        kind = parameter.kind if parameter and parameter.kind in _MADE_UP else None
        number = self._number(kind or Kind.TEXT, str(value), name if kind is None else "")
        if isinstance(value, int | float | Decimal):
            return number
        if kind is None:
            return f"{name.strip('_').replace('_', '-')}-{number}"
        made_up = _odd_value(kind, str(value)) or _MADE_UP[kind](number)
        if parameter and parameter.hashed:
            self._hashed[parameter.name, made_up] = None
        return made_up

    def _identifiers(self, parameter: Parameter, values: Sequence[Any]) -> list[Any]:
        """Return identifiers that are as valid as the real ones, and are the same where these are."""
        texts = [
            [str(one) for one in value if one is not None] if isinstance(value, list) else [str(value)]
            for value in values
        ]
        distinct = dict.fromkeys(self._with_regions(parameter, texts))
        rows = [{parameter.name: [text], **region_of} for text, region in distinct for region_of in [dict(region)]]
        digests = dict(zip(distinct, digests_of(self.job, rows), strict=True))

        def made_up(number: int, text: str) -> str:
            region = self._region(number) if parameter.kind is Kind.PHONE else ()
            return self._identifier(parameter, text, digests[text, region].get(parameter.name, []))

        return [
            value
            if value is None
            else [None if one is None else made_up(number, str(one)) for one in value]
            if isinstance(value, list)
            else made_up(number, str(value))
            for number, value in enumerate(values)
        ]

    def _with_regions(self, parameter: Parameter, texts: Sequence[Sequence[str]]) -> Iterator[tuple[str, Any]]:
        for number, row in enumerate(texts):
            for text in row:
                yield text, (self._region(number) if parameter.kind is Kind.PHONE else ())

    def _region(self, number: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the country of a row's phone numbers, if it has one."""
        found = []
        for name in ("phone_region", "country"):
            if constant := self.binding.constants.get(name):
                found.append((name, (str(constant.value),)))
            elif fields := self.binding.fields.get(name):
                value = self.table.column(fields[0].index)[number].as_py()
                found += [] if value is None else [(name, (str(value),))]
        return tuple(found)

    def _identifier(self, parameter: Parameter, text: str, digests: Sequence[str]) -> str:
        if _stands_for_nothing(text):
            return text
        if not digests:
            return "not valid"
        several = len(digests) if self.job.destination.kind != "audience" else 1
        keys = digests if several > 1 else [tuple(digests)]
        values = [
            _MADE_UP[parameter.kind](self._number(parameter.kind, key if isinstance(key, tuple) else (key,)))
            for key in keys
        ]
        self._hashed |= dict.fromkeys((parameter.name, value) for value in values)
        if is_digest(text.strip()):
            return sha256(values[0].encode()).hexdigest()
        return "; ".join(values)

    def people(self) -> dict[str, str]:
        """Return the made-up values of the columns so far by their digests."""
        digests = digests_of(self.job, [{name: [value]} for name, value in self._hashed])
        return {
            digest: value
            for (name, value), found in zip(self._hashed, digests, strict=True)
            for digest in found.get(name, ())
        }


def _stands_for_nothing(text: str) -> bool:
    word = text.strip()
    return not word or is_placeholder(word) or word.lower() == EMPTY_DIGEST


def _odd_value(kind: Kind, value: str) -> str | None:
    """Return a made-up value that is as odd as a value; None for an ordinary one."""
    if kind is Kind.IP:
        return None if is_public_ip(value.strip()) else "10.0.0.1"
    return "-" if kind is Kind.NAME and not any(map(str.isalnum, value)) else None


def _is_kept(parameter: Parameter) -> bool:
    return (parameter.kind in _KEPT_KINDS or parameter.name in _KEPT) and not parameter.hashed


def _is_safe(value: Any, parameters: Sequence[Parameter | None]) -> bool:
    """Return whether a value that is kept can hold no address and no phone number."""
    if not isinstance(value, str):
        return True
    if "@" in value or "%" in value or len(value) > _LONGEST:
        return False
    kinds = {one.kind for one in parameters if one}
    return kinds <= _KEPT_KINDS - {Kind.EVENT} or sum(map(str.isdigit, value)) <= _MOST_DIGITS


def _plain(value: Any) -> Any:
    """Return a value as YAML has it, and as it is read from there without losing digits."""
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value and "e" not in repr(number) else f"{value:f}"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float) and "e" in repr(value):
        return repr(value)
    return value if isinstance(value, str | int | float | bool | None) else json.dumps(value, default=str)


def _type_name(kind: pa.DataType) -> str:
    """Return DuckDB's name of a type."""
    if pa.types.is_list(kind):
        return f"{_type_name(kind.value_type)}[]"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ" if kind.tz else "TIMESTAMP"
    names: Sequence[tuple[Callable[[pa.DataType], bool], str]] = (
        (pa.types.is_boolean, "BOOLEAN"),
        (pa.types.is_uint64, "UBIGINT"),
        (pa.types.is_integer, "BIGINT"),
        (pa.types.is_floating, "DOUBLE"),
        (pa.types.is_date, "DATE"),
        (pa.types.is_time, "TIME"),
    )
    return next((name for is_kind, name in names if is_kind(kind)), "VARCHAR")
