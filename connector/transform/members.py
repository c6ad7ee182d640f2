"""An audience's query: from the columns of its result to the digests of each row's person."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connector.catalogue import AUDIENCES
from connector.hashed import DIGEST, ID_TYPES, LEFT_OUT, MEMBERS, HashedMembers
from connector.outcomes import REASONS, WARNINGS, Reason, RowWarning
from connector.transform.binding import Binding, Field, is_list
from connector.transform.compiler.context import Level, literal
from connector.transform.engine import SliceEngine
from connector.transform.grouping import count_reasons, count_warnings
from connector.transform.layers import Layers
from connector.transform.rules import MemberRules
from connector.transform.slicing import SLICE_ROWS, each_slice
from connector.transform.sql.identity import unspaced, without_empty_digest
from connector.transform.sql.members import device_kind, member_device, member_email, member_phone, without_nobody
from connector.transform.sql.text import strip, text_of
from connector.transform.stream import transformed

_WARNINGS = {"email": RowWarning.INVALID_EMAIL, "phone": RowWarning.INVALID_PHONE}


@dataclass(frozen=True, slots=True)
class CompiledMembers:
    """`sql` makes of the relation `people`, a slice of the result, a row for each row, in the same order."""

    sql: str
    indices: tuple[int, ...]
    rules: MemberRules


@dataclass(frozen=True, slots=True)
class _Found:
    """Expressions: the list of a column's digests, and whether something was given, and something of it is invalid.

    `many`: whether the list may hold more than one.
    """

    digests: str
    given: str
    invalid: str
    many: bool = False


def compile_members(binding: Binding, rules: MemberRules) -> CompiledMembers:
    """The query for the identifiers of an audience."""
    return _Compiler(binding, rules).compile()


def hash_members(
    batches: Iterable[pa.RecordBatch], compiled: CompiledMembers, *, threads: int = 2, slice_rows: int = SLICE_ROWS
) -> Iterator[HashedMembers]:
    """Transforms a result in slices, `threads` at a time; memory does not grow with the result."""
    slices = each_slice(batches, compiled.indices, repeat(slice_rows))
    region = compiled.rules.default_region
    return transformed(
        slices, lambda: SliceEngine(region), lambda engine, chunk: _hash_chunk(engine, chunk, compiled), threads
    )


class _Compiler:
    def __init__(self, binding: Binding, rules: MemberRules) -> None:
        self._binding, self._rules, self._layers = binding, rules, Layers()

    def compile(self) -> CompiledMembers:
        found = {name: [*self._columns(name)] for name in ID_TYPES}
        mobile = self._mobile()
        for name in ("idfa", "aaid"):
            found[name] += [mobile[name]] if mobile else []
        for name, columns in found.items():
            self._layers.put(Level.LIST, name, _distinct(columns))
        every = [one for columns in found.values() for one in columns]
        self._put_reason(every)
        self._put_warnings({**found, "device": found["idfa"] + found["aaid"]})
        sql = self._layers.select(("row_number", "reason", "warnings", *map(_as_bytes, ID_TYPES)), "people")
        return CompiledMembers(sql, tuple(self._binding.indices()), self._rules)

    def _put_reason(self, found: list[_Found]) -> None:
        given = " OR ".join(one.given for one in found) or "false"
        present = " + ".join(f"len({name})" for name in ID_TYPES)
        missing, invalid = (1 + REASONS.index(one) for one in (Reason.MISSING_IDENTITY, Reason.INVALID_IDENTITY))
        reason = f"CASE WHEN NOT ({given}) THEN {missing} WHEN {present} = 0 THEN {invalid} ELSE 0 END"
        self._layers.put(Level.OUTCOME, "reason", f"({reason})::UTINYINT")

    def _put_warnings(self, found: dict[str, list[_Found]]) -> None:
        words = {**_WARNINGS, "device": RowWarning.INVALID_DEVICE_ID}
        bits = " + ".join(
            f"CASE WHEN {' OR '.join(one.invalid for one in found[name])} THEN {1 << WARNINGS.index(word)} ELSE 0 END"
            for name, word in words.items()
            if found[name]
        )
        self._layers.put(Level.OUTCOME, "warnings", f"({bits or '0'})::UINTEGER")

    def _columns(self, name: str) -> Iterator[_Found]:
        constant = self._binding.constants.get(name)
        if constant:
            text = self._layers.put(Level.GIVEN, f"given_{name}", literal(constant.value))
            yield self._scalar(name, name, text)
        for number, field in enumerate(self._binding.fields.get(name, ())):
            if is_list(field.kind):
                yield self._list(name, f"{name}_{number}", field)
            else:
                yield self._scalar(name, f"{name}_{number}", self._text(f"{name}_{number}", field))

    def _text(self, column: str, field: Field) -> str:
        return self._layers.put(Level.GIVEN, f"given_{column}", text_of(f"c{field.index}", field.kind))

    def _scalar(self, name: str, column: str, text: str) -> _Found:
        value = self._layers.put(Level.NORMAL, f"value_{column}", self._present(name, text))
        plain = self._layers.put(Level.CLEAN, f"unspaced_{column}", unspaced(value)) if name == "phone" else None
        digest = self._layers.put(Level.DIGEST, f"digest_{column}", self._digest(name, value, plain))
        given = f"{value} IS NOT NULL"
        return _Found(
            f"CASE WHEN {digest} IS NULL THEN [] ELSE [{digest}] END", given, f"({given} AND {digest} IS NULL)"
        )

    def _list(self, name: str, column: str, field: Field) -> _Found:
        texts = f"coalesce(list_transform(c{field.index}, lambda x: {text_of('x', field.kind.value_type)}), [])"
        raw = self._layers.put(Level.TEXT, f"texts_of_{column}", texts)
        stripped = self._layers.put(Level.GIVEN, f"given_{column}", f"list_transform({raw}, lambda x: {strip('x')})")
        present = f"list_transform({stripped}, lambda x: {self._present(name, 'x')})"
        value = self._layers.put(Level.NORMAL, f"value_{column}", f"list_filter({present}, lambda x: x IS NOT NULL)")
        digests = f"list_transform({value}, lambda x: {self._digest(name, 'x')})"
        found = self._layers.put(Level.DIGEST, f"digest_{column}", f"list_filter({digests}, lambda x: x IS NOT NULL)")
        return _Found(found, f"len({value}) > 0", f"len({value}) > len({found})", many=True)

    def _mobile(self) -> dict[str, _Found] | None:
        """What `maid` gives for each kind of advertising id; one whose kind is not said is invalid."""
        fields, kinds = self._binding.fields.get("maid", ()), self._binding.fields.get("maid_type", ())
        if not fields:
            return None
        one = self._scalar("maid", "maid", self._text("maid", fields[0]))
        constant = self._binding.constants.get("maid_type")
        said = literal(constant.value) if constant else self._text("maid_type", kinds[0]) if kinds else "NULL::VARCHAR"
        kind = self._layers.put(Level.NORMAL, "maid_kind", device_kind(said))
        found = {name: f"CASE WHEN {kind} = '{name}' THEN {one.digests} ELSE [] END" for name in ("idfa", "aaid")}
        invalid = f"({one.invalid} OR ({one.given} AND {kind} IS NULL))"
        return {name: _Found(digests, one.given, invalid) for name, digests in found.items()}

    def _present(self, name: str, text: str) -> str:
        given = without_empty_digest(text)
        return given if name in _WARNINGS else without_nobody(f"({given})")

    def _digest(self, name: str, value: str, unspaced_value: str | None = None) -> str:
        if name == "email":
            return member_email(value)
        if name == "phone":
            return member_phone(value, self._rules.default_region, unspaced_value)
        return member_device(value, self._rules.device_id_case)


def _distinct(found: list[_Found]) -> str:
    if not found:
        return "[]::VARCHAR[]"
    if len(found) == 1 and not found[0].many:
        return found[0].digests
    every = f"flatten([{', '.join(one.digests for one in found)}])"
    return f"list_filter({every}, lambda x, i: list_position({every}, x) = i)"


def _as_bytes(name: str) -> str:
    return f"list_transform({name}, lambda x: unhex(x)) AS {name}"


def _hash_chunk(engine: SliceEngine, chunk: pa.Table, compiled: CompiledMembers) -> HashedMembers:
    rows = engine.execute("people", compiled.sql, chunk)
    reasons = rows["reason"].to_numpy()
    good = pa.array(reasons == 0)
    lists = [_digests(rows[name].filter(good).combine_chunks()) for name in ID_TYPES]
    return HashedMembers(
        read=chunk.num_rows,
        members=pa.table([rows["row_number"].filter(good), *lists], schema=MEMBERS),
        left_out=_left_out(rows["row_number"], reasons),
        rejects=count_reasons(reasons),
        warnings=count_warnings(rows["warnings"].to_numpy()),
    )


def _digests(lists: pa.ListArray) -> pa.ListArray:
    """The same lists with values of 32 bytes each."""
    flat = lists.flatten()
    values = pa.array(flat, pa.binary()).cast(DIGEST)
    offsets = np.r_[0, np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False))].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=MEMBERS.field("email").type)


def _left_out(numbers: pa.ChunkedArray, reasons: np.ndarray) -> pa.Table:
    """Rows without a valid identifier; of these nothing is kept, since every column that is read is about a person."""
    left = np.flatnonzero(reasons)
    words = pa.array([reason.value for reason in REASONS]).take(pa.array(reasons[left].astype(np.int64) - 1))
    count = len(left)
    columns = [
        numbers.take(pa.array(left)),
        pa.repeat("rejected", count),
        words,
        pa.nulls(count, pa.int32()),
        pa.nulls(count, pa.string()),
        pa.repeat("{}", count),
    ]
    return pa.table(columns, schema=LEFT_OUT)


def missing_columns(binding: Binding) -> str | None:
    """What a result lacks for any of its rows to name a person; None where nothing is missing."""
    if binding.has(*ID_TYPES, "maid"):
        if binding.has("maid") and not binding.has("maid_type"):
            return 'The column "maid" needs "maid_type" beside it, which says idfa or aaid: return one, or map one.'
        return None
    columns = ", ".join(f'"{name}"' for name in AUDIENCES.names if name != "maid_type")
    return f"There is none of the columns {columns}: return one, or map one in the data template."
