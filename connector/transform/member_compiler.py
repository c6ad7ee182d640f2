"""Compile and run the query that hashes the identifiers of the people of an audience.

That advertising ids are trimmed and lower-cased is what two vendors do; the platform's own rule is not known.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import DIGEST, ID_TYPES, MEMBERS, HashedMembers, excluded_rows
from connector.core.outcomes import REASONS, WARNINGS, Reason, RowWarning
from connector.transform.binding import Binding, Field, is_list
from connector.transform.compiler.context import Level, literal
from connector.transform.compiler.identity import MOST_COLUMNS, phone_bits
from connector.transform.compiler.phone_regions import put_country_of_phones, put_unknown_country, region_placeholders
from connector.transform.grouping import count_phones, count_reasons, count_warnings
from connector.transform.layers import Layers
from connector.transform.packed import DIGEST_LENGTH, INVALID, PLACEHOLDER
from connector.transform.rules import MemberRules
from connector.transform.slice_engine import EnginePool, SliceEngine
from connector.transform.slicing import SLICE_ROWS, each_slice
from connector.transform.sql.identity import (
    UNMARKED,
    digest_list,
    digests_in,
    given_digest,
    has_invalid,
    has_placeholder,
    identifier_text,
    is_digest,
    number_of_column,
    packed_email,
    packed_phone,
    phone_number,
    split_digests,
)
from connector.transform.sql.text import quote, text_of
from connector.transform.stream import transform_slices, unreadable_row
from connector.transform.stripped import Cleaning

DEVICE_ID = "[0-9a-fA-F-]{30,36}"
"""Hex digits and hyphens. The platform's own sample is shorter than a UUID, so the form is not checked further."""

NO_DEVICE = "[0-]+"
"""What a phone gives whose owner does not want to be known."""

APPLE = ("idfa", "ios", "ipados", "apple", "iphone", "ipad")
ANDROID = ("aaid", "gaid", "adid", "android", "google")
"""What `maid_type` may say."""

_WARNINGS = {"email": RowWarning.INVALID_EMAIL, "phone": RowWarning.INVALID_PHONE}


@dataclass(frozen=True, slots=True)
class CompiledMembers:
    """A compiled query for the people of an audience."""

    sql: str
    """Returns a row for each row of the relation `people`, a slice of the result, in order."""
    cleaning: Mapping[int, Cleaning]
    """The cleaning of each column that is read."""
    phone_columns: tuple[str, ...]
    """The columns of phone numbers that are counted."""
    rules: MemberRules


@dataclass(frozen=True, slots=True)
class _Identifiers:
    """SQL expressions of one source of identifiers."""

    digests: str
    """The list of its digests."""
    given: str
    """True if a value is given."""
    invalid: str
    """True if a part of it is invalid."""
    placeholder: str
    """True if a part of it is a placeholder."""
    many: bool = False
    """True if the list may contain a digest more than once."""
    column: str | None = None
    """The column of the result; None for a constant."""


def compile_members(binding: Binding, rules: MemberRules) -> CompiledMembers:
    """Compile the query for the identifiers of an audience."""
    return _Compiler(binding, rules).compile()


def hash_members(
    batches: Iterable[pa.RecordBatch],
    compiled: CompiledMembers,
    *,
    threads: int = 2,
    slice_rows: int = SLICE_ROWS,
    engines: EnginePool[SliceEngine] | None = None,
) -> Iterator[HashedMembers]:
    """Hash a result in slices, `threads` at a time; memory does not grow with the result.

    `engines` stay open for the next result; without them, the result has its own.
    """
    slices = each_slice(batches, compiled.cleaning, repeat(slice_rows))
    region = compiled.rules.default_region
    hashed = transform_slices(
        slices,
        lambda: SliceEngine(region),
        lambda engine, chunk: _hash_readable(engine, chunk, compiled),
        threads,
        engines,
    )
    return chain.from_iterable(hashed)


class _Compiler:
    def __init__(self, binding: Binding, rules: MemberRules) -> None:
        self._binding, self._rules, self._layers = binding, rules, Layers()

    def compile(self) -> CompiledMembers:
        found = {name: [*self._columns(name)] for name in ID_TYPES}
        mobile = self._mobile()
        for name in ("idfa", "aaid"):
            found[name] += [mobile[name]] if mobile else []
        for name, columns in found.items():
            self._layers.put(Level.JSON, name, _distinct(columns))
        every = [one for columns in found.values() for one in columns]
        self._put_reason(every)
        self._put_warnings({**found, "device": found["idfa"] + found["aaid"]}, every)
        phones = self._put_phones(found["phone"])
        sql = self._layers.select(("row_number", "reason", "warnings", "phones", *map(_as_bytes, ID_TYPES)), "people")
        return CompiledMembers(sql, self._binding.cleaning(), phones, self._rules)

    def _put_reason(self, found: list[_Identifiers]) -> None:
        given = " OR ".join(one.given for one in found) or "false"
        present = " + ".join(f"len({name})" for name in ID_TYPES)
        missing, invalid = (1 + REASONS.index(one) for one in (Reason.MISSING_IDENTITY, Reason.INVALID_IDENTITY))
        reason = f"CASE WHEN NOT ({given}) THEN {missing} WHEN {present} = 0 THEN {invalid} ELSE 0 END"
        self._layers.put(Level.OUTCOME, "reason", f"({reason})::UTINYINT")

    def _put_warnings(self, found: dict[str, list[_Identifiers]], every: list[_Identifiers]) -> None:
        words = {**_WARNINGS, "device": RowWarning.INVALID_DEVICE_ID}
        conditions = {word: [one.invalid for one in found[name]] for name, word in words.items()}
        conditions[RowWarning.PLACEHOLDER_VALUE] = [one.placeholder for one in every]
        if found["phone"]:
            conditions[RowWarning.PLACEHOLDER_VALUE] += region_placeholders(self._binding)
        if found["phone"] and (unknown := put_unknown_country(self._layers, self._binding)):
            conditions[RowWarning.UNKNOWN_COUNTRY] = [f"({unknown} AND {one.given})" for one in found["phone"]]
        bits = " + ".join(
            f"CASE WHEN {' OR '.join(some)} THEN {1 << WARNINGS.index(word)} ELSE 0 END"
            for word, some in conditions.items()
            if some
        )
        self._layers.put(Level.OUTCOME, "warnings", f"({bits or '0'})::UINTEGER")

    def _put_phones(self, found: list[_Identifiers]) -> tuple[str, ...]:
        columns = {one.column: (one.given, one.invalid) for one in found if one.column}
        self._layers.put(Level.OUTCOME, "phones", phone_bits(columns))
        return tuple(columns)[:MOST_COLUMNS]

    def _columns(self, name: str) -> Iterator[_Identifiers]:
        constant = self._binding.constants.get(name)
        if constant:
            kind = self._binding.kinds[name]
            yield self._scalar(
                name, name, self._layers.put(Level.GIVEN, f"given_{name}", literal(constant.value, kind))
            )
        for number, field in enumerate(self._binding.fields.get(name, ())):
            put = self._list if is_list(field.kind) else self._column
            yield put(name, f"{name}_{number}", field)

    def _column(self, name: str, column: str, field: Field) -> _Identifiers:
        text = identifier_text(f"c{field.index}", field.kind, number=name == "phone")
        return self._scalar(name, column, self._layers.put(Level.GIVEN, f"given_{column}", text), field)

    def _scalar(self, name: str, column: str, text: str, field: Field | None = None) -> _Identifiers:
        put, packed = self._layers.put, f"packed_{column}"
        put(Level.DIGEST, packed, self._packed(name, text, field))
        digests = put(Level.PACKED, f"digests_{column}", digests_in(packed))
        invalid = put(Level.PACKED, f"invalid_{column}", has_invalid(packed))
        placeholder = put(Level.PACKED, f"placeholder_{column}", has_placeholder(packed))
        listed = put(Level.LIST, f"listed_{column}", _listed(digests))
        given, many = f"({digests} IS NOT NULL OR {invalid})", name == "email" and len(self._rules.email_rules) > 1
        return _Identifiers(listed, given, invalid, placeholder, many, field.name if field else None)

    def _list(self, name: str, column: str, field: Field) -> _Identifiers:
        put, text = self._layers.put, identifier_text("x", field.kind.value_type, number=name == "phone")
        texts = put(Level.GIVEN, f"given_{column}", f"list_transform(c{field.index}, lambda x: {text})")
        each = f"list_transform({texts}, lambda x: {self._packed(name, 'x')})"
        packed = put(Level.DIGEST, f"packed_{column}", f"coalesce(array_to_string({each}, ''), '')")
        found = put(Level.LIST, f"listed_{column}", digest_list(packed))
        invalid, placeholder = (f"contains({packed}, '{what}')" for what in (INVALID, PLACEHOLDER))
        return _Identifiers(
            found, f"(len({found}) > 0 OR {invalid})", invalid, placeholder, many=True, column=field.name
        )

    def _mobile(self) -> dict[str, _Identifiers] | None:
        """Return the advertising ids of `maid` by kind; an id without a kind is invalid."""
        fields, kinds = self._binding.fields.get("maid", ()), self._binding.fields.get("maid_type", ())
        if not fields:
            return None
        one = self._column("maid", "maid", fields[0])
        constant = self._binding.constants.get("maid_type")
        said = "NULL::VARCHAR"
        if constant:
            said = literal(constant.value)
        elif kinds:
            said = self._layers.put(Level.GIVEN, "given_maid_type", text_of(f"c{kinds[0].index}", kinds[0].kind))
        kind = self._layers.put(Level.NORMAL, "maid_kind", device_kind(said))
        found = {name: f"CASE WHEN {kind} = '{name}' THEN {one.digests} ELSE [] END" for name in ("idfa", "aaid")}
        invalid = f"({one.invalid} OR ({one.given} AND {kind} IS NULL))"
        return {name: replace(one, digests=digests, invalid=invalid) for name, digests in found.items()}

    def _packed(self, name: str, text: str, field: Field | None = None) -> str:
        """Return the packed digests of a text: that of a column of the result, of a list, or a constant."""
        if name == "email":
            return packed_email(text, self._rules.email_rules)
        if name != "phone":
            return packed_device(text, self._rules.device_id_case)
        country, region = put_country_of_phones(self._layers, self._binding), self._rules.default_region
        if field is None:
            return packed_phone(text, f"({phone_number(text, region, country)})", country)
        number = number_of_column(text, field.index, field.kind, region, country)
        return packed_phone(text, self._layers.put(Level.CLEAN, f"number_{text}", number), country)


def _listed(digests: str) -> str:
    several = f"WHEN strlen({digests}) > {DIGEST_LENGTH} THEN {split_digests(digests)}"
    return f"CASE WHEN {digests} IS NULL THEN []::VARCHAR[] {several} ELSE [{digests}] END"


def _distinct(found: list[_Identifiers]) -> str:
    if not found:
        return "[]::VARCHAR[]"
    if len(found) == 1 and not found[0].many:
        return found[0].digests
    every = f"flatten([{', '.join(one.digests for one in found)}])"
    return f"list_filter({every}, lambda x, i: list_position({every}, x) = i)"


def _as_bytes(name: str) -> str:
    return f"list_transform({name}, lambda x: unhex(x)) AS {name}"


def _hash_readable(engine: SliceEngine, chunk: pa.Table, compiled: CompiledMembers) -> list[HashedMembers]:
    """Hash a slice, in several pieces if the engine cannot read a row of it, which is rejected."""
    return engine.bisect(
        chunk, lambda part: _hash_chunk(engine, part, compiled), lambda row: _unreadable(row, compiled)
    )


def _unreadable(row: pa.Table, compiled: CompiledMembers) -> HashedMembers:
    return HashedMembers(
        read=1,
        members=MEMBERS.empty_table(),
        excluded=unreadable_row(row),
        rejects=Counter({Reason.INVALID_IDENTITY.value: 1}),
        warnings=Counter(),
        phones=count_phones(np.zeros(0, np.uint32), compiled.phone_columns),
    )


def _hash_chunk(engine: SliceEngine, chunk: pa.Table, compiled: CompiledMembers) -> HashedMembers:
    rows = engine.execute("people", compiled.sql, chunk)
    reasons = rows["reason"].to_numpy()
    good = pa.array(reasons == 0)
    lists = [_digests(rows[name].filter(good).combine_chunks()) for name in ID_TYPES]
    return HashedMembers(
        read=chunk.num_rows,
        members=pa.table([rows["row_number"].filter(good), *lists], schema=MEMBERS),
        excluded=_excluded(rows["row_number"], reasons),
        rejects=count_reasons(reasons),
        warnings=count_warnings(rows["warnings"].to_numpy()),
        phones=count_phones(rows["phones"].to_numpy(), compiled.phone_columns),
    )


def _digests(lists: pa.ListArray) -> pa.ListArray:
    """Convert the values of lists to 32 bytes each."""
    flat = lists.flatten()
    values = pa.array(flat, pa.binary()).cast(DIGEST)
    offsets = np.r_[0, np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False))].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=MEMBERS.field("email").type)


def _excluded(numbers: pa.ChunkedArray, reasons: np.ndarray) -> pa.Table:
    """Return the rows without a valid identifier; no column is stored, since all of them are about a person."""
    positions = np.flatnonzero(reasons)
    words = pa.array([reason.value for reason in REASONS]).take(pa.array(reasons[positions].astype(np.int64) - 1))
    return excluded_rows(numbers.take(pa.array(positions)), "rejected", words)


def missing_columns(binding: Binding) -> str | None:
    """Return a message if no column of a result can identify a person; None if one can."""
    if binding.has(*ID_TYPES, "maid"):
        if binding.has("maid") and not binding.has("maid_type"):
            return 'The column "maid" needs "maid_type" beside it, which says idfa or aaid: return one, or map one.'
        return None
    columns = ", ".join(f'"{name}"' for name in (*ID_TYPES, "maid"))
    return f"There is none of the columns {columns}: return one, or map one in the data template."


def packed_device(column: str, case: str) -> str:
    """Return the packed digest of an advertising id in `lower` or `upper` case; the id of zeros counts as absent."""
    return (
        f"CASE WHEN {column} < {UNMARKED} THEN '{PLACEHOLDER}' WHEN regexp_full_match({column}, '{NO_DEVICE}') THEN ''"
        f" WHEN regexp_full_match({column}, '{DEVICE_ID}') THEN sha256({case}({column}))"
        f" WHEN {is_digest(column)} THEN {given_digest(column)} WHEN {column} IS NOT NULL THEN '{INVALID}' END"
    )


def device_kind(column: str) -> str:
    """Return `idfa` or `aaid` for a `maid_type`; NULL for anything else."""
    words = {"idfa": APPLE, "aaid": ANDROID}
    branches = " ".join(
        f"WHEN lower({column}) IN ({', '.join(map(quote, of))}) THEN '{kind}'" for kind, of in words.items()
    )
    return f"CASE {branches} END"
