"""Strip, lower-case, quote and redact text."""

from collections.abc import Iterable

import pyarrow as pa

from connector.catalogue import Plain
from connector.core.email_addresses import AT_IN_BRACKETS
from connector.core.redaction import (
    BESIDE_SIMPLE,
    DIALLED_PHONE,
    ESCAPED,
    NAMED,
    PERCENT_ENCODED,
    PHONE_IN_TEXT,
    PLUS_BEFORE_ENCODED,
    REDACTED,
    SIMPLE_PARAMETER,
    SPACED_PHONE,
    WRITTEN_PHONE,
)
from connector.core.typography import CONTROLS, UNUSUAL
from connector.transform.sql.functions import (
    ANONYMOUS,
    DECIMAL_TEXT,
    IS_NUMBER_IN,
    UNICODE_LOWER,
    WITHOUT_ADDRESSES,
    WITHOUT_DIALLED,
    WITHOUT_WRITTEN,
)

_WHITE_SPACE = (
    *range(0x09, 0x0E),
    *range(0x1C, 0x21),
    0x85,
    0xA0,
    0x1680,
    *range(0x2000, 0x200B),
    0x2028,
    0x2029,
    0x202F,
    0x205F,
    0x3000,
)
"""What Python's `str.strip` removes, and `str.isspace` says of a single character."""

WHITE_SPACE = "".join(map(chr, _WHITE_SPACE))

WHITE_SPACE_CLASS = r"\x09-\x0d\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
"""The same characters, for use inside the brackets of an RE2 character class."""


ID_LENGTH = 36
"""Hex digits of a SHA-256 that serve as an id."""


def quote(text: str) -> str:
    """Quote `text` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def is_one_of(column: str, words: Iterable[str]) -> str:
    """Return whether `column` is one of a few words, the most frequent of which should come first.

    They are compared one by one: for `IN`, DuckDB builds a join table for each slice.
    """
    branches = " ".join(f"WHEN {quote(word)} THEN true" for word in words)
    return f"CASE {column} {branches} ELSE CASE WHEN {column} IS NOT NULL THEN false END END"


def is_code(column: str, codes: Iterable[str]) -> str:
    """Return the condition that `column`, which is stripped, is one of these codes, which are all of one length.

    Two blanks stand between them, so that nothing else of that length is found that does not begin or end with one.
    """
    known = [*codes]
    return f"(strlen({column}) = {len(known[0])} AND contains({quote('  '.join(known))}, {column}))"


_BACKSLASH = "\\"
_IN_BRACKETS = ("[", "{", "t)", "T)", " )")
"""One of these stands where an at sign is written in brackets."""
_LONGEST_PHONE, _LONGEST_ID = 18, 30
"""Bytes of a number: longer texts of phones may hold several, or words; longer ids are none."""


def strip(column: str) -> str:
    """Remove white space at both ends as `str.strip` does; NULL if nothing is left.

    `trim` with a set of characters costs half a microsecond, so text that begins and ends with a
    printable ASCII character, which is nearly all, is let through by comparing its ends.
    """
    clean = f"{column} >= '!' AND {column} < chr(127) AND {column}[-1] BETWEEN '!' AND '~'"
    return f"CASE WHEN {clean} THEN {column} ELSE nullif(trim({column}, {quote(WHITE_SPACE)}), '') END"


def lower(column: str) -> str:
    """Lower-case as `str.lower` does: DuckDB maps a character to one, Python may map it to two."""
    return f"CASE WHEN strlen({column}) = length({column}) THEN lower({column}) ELSE {UNICODE_LOWER}({column}) END"


def redacted(text: str, phones: str) -> str:
    """Remove e-mail addresses from `text`, and everything that matches the pattern `phones`."""
    return without(without_addresses(text), phones)


def without_addresses(text: str) -> str:
    """Remove e-mail addresses from `text`."""
    return f"CASE WHEN {_may_hold_address(text)} THEN {_without_addresses(text)} ELSE {text} END"


def without(text: str, pattern: str) -> str:
    """Remove the matches of a pattern from `text`."""
    return f"regexp_replace({text}, {quote(pattern)}, '{REDACTED}', 'g')"


DIALLED_SIGN, HIDDEN_SIGN, SPACED_SIGN, CONTROL_SIGN = 1, 2, 4, 8
"""Bits of what stands in a column: signs of addresses and numbers, of hidden ones, of numbers without a plus sign."""


def guarded(column: str, plain: Plain, signs: str | None = None) -> str:
    """Return `column` without e-mail addresses and phone numbers, which `plain` says how to treat.

    `signs` holds the bits of what may stand in the column. Looking for single characters first costs a tenth of a
    pattern.
    """
    if plain is Plain.AS_GIVEN:
        return column
    hidden = f"{signs} & {HIDDEN_SIGN} <> 0" if signs else "true"
    bits = DIALLED_SIGN | HIDDEN_SIGN | CONTROL_SIGN | (SPACED_SIGN if plain is Plain.TEXT else 0)
    controls = holds_control(column)
    if signs:
        controls = f"CASE WHEN {signs} & {CONTROL_SIGN} <> 0 THEN {controls} ELSE false END"
    unless = f"{signs} & {bits} = 0" if signs else "false"
    return f"CASE WHEN {unless} THEN {column} ELSE {_guarded(column, plain, hidden, controls)} END"


def _guarded(column: str, plain: Plain, hidden: str, controls: str) -> str:
    if plain is Plain.ID:
        # An id has to stay distinct.
        return f"CASE WHEN {_names_somebody(column, hidden)} THEN {id_digest(column)} ELSE {column} END"
    if plain is Plain.WHOLE:
        return f"CASE WHEN NOT {_names_somebody(column, hidden)} THEN {column} END"
    if plain is Plain.TEXT:
        phones, every = PHONE_IN_TEXT, ANONYMOUS
        # Numbers with nothing but points between their digits have four characters between the two.
        pointed = f"(contains({column}, '.') AND {column} LIKE '%.___.____%')"
        numbered = f"({_holds(column, '+', '(', '-')} OR {_holds_encoded_plus(column)} OR {pointed})"
    else:
        phones, every = DIALLED_PHONE, WITHOUT_DIALLED
        numbered = f"(contains({column}, '+') OR {_holds_encoded_plus(column)})"
    simple = without(_without_simple(column), phones)
    return (
        f"CASE WHEN {_is_unusual(column)} OR {_is_json(column)} OR {controls} THEN {every}({column})"
        f" WHEN {_may_hold_address(column, hidden)}"
        f" THEN CASE WHEN {_is_simple(column)} THEN {simple} ELSE {every}({column}) END"
        f" WHEN {numbered} THEN {without(column, phones)} ELSE {column} END"
    )


def guarded_json(column: str, signs: str) -> str:
    """Return JSON without e-mail addresses and phone numbers in its strings."""
    dialled = f"{signs} & {DIALLED_SIGN} <> 0 AND ({_holds(column, '@', '%', '+', '#')} OR {_is_unusual(column)})"
    hidden = f"{signs} & {HIDDEN_SIGN} <> 0"
    spaced = f"{signs} & {SPACED_SIGN} <> 0 AND regexp_matches({column}, {quote(SPACED_PHONE)})"
    likely = f"({dialled}) OR ({hidden}) OR ({spaced}) OR contains({column}, {quote(_BACKSLASH)})"
    return f"CASE WHEN {signs} = 0 THEN {column} WHEN {likely} THEN {ANONYMOUS}({column}) ELSE {column} END"


def _holds_encoded_plus(column: str) -> str:
    return f"(contains({column}, '%') AND {_holds(column, '%2B', '%2b')})"


def _is_json(column: str) -> str:
    """Return the condition that a text may be JSON, whose strings are looked at by themselves."""
    return f"({column} >= '[' AND {column} < {quote(_BACKSLASH)} OR {column} >= '{{' AND {column} < '|')"


def redacted_json(column: str) -> str:
    """Return JSON whose strings hold neither e-mail addresses nor numbers written as phone numbers."""
    signs = f"{_holds(column, _BACKSLASH)} OR {_may_hold_address(column)} OR {_is_unusual(column)}"
    likely = f"{signs} OR regexp_matches({column}, {quote(WRITTEN_PHONE)})"
    return f"CASE WHEN {likely} THEN {WITHOUT_WRITTEN}({column}) ELSE {column} END"


def id_digest(column: str) -> str:
    """Return the digest to send in place of an id that identifies a person."""
    return f"left(sha256({column}), {ID_LENGTH})"


def is_number_of(identifier: str, phones: str) -> str:
    """Return the condition that an id is a phone number in a text: the same digits, without country code or separators.

    Of usual rows the first conditions decide; Python is asked for the others.
    """
    ends_alike = f"ends_with({phones}, substr({identifier}, -2)) OR ends_with({identifier}, '.0')"
    unusual = (
        f"strlen({phones}) > {_LONGEST_PHONE} OR {phones}[-1] NOT BETWEEN '0' AND '9' OR ends_with({phones}, '.0')"
    )
    extended = _holds(phones, "x", "X", "#", ";", "\n")
    schemes = " OR ".join(f"starts_with({identifier}, '{scheme}')" for scheme in ("tel:", "Tel:", "TEL:"))
    likely = f"strlen({identifier}) BETWEEN 8 AND {_LONGEST_ID} AND ({ends_alike} OR {unusual} OR {extended})"
    # Conditions that are joined by AND are tried in any order; a CASE looks at its result only where it applies.
    asked = f"{IS_NUMBER_IN}({identifier}, {phones})"
    unusual_id = f"contains({phones}, {identifier}) OR strlen({identifier}) <> length({identifier})"
    return (
        f"CASE WHEN {identifier} < ':' OR {schemes} THEN CASE WHEN {likely} THEN {asked} ELSE false END"
        f" WHEN {unusual_id} THEN {asked} ELSE false END"
    )


def _without_addresses(text: str) -> str:
    """Remove e-mail addresses from `text`, by Python only if it may contain more than simple ones."""
    return f"CASE WHEN {_is_simple(text)} THEN {_without_simple(text)} ELSE {WITHOUT_ADDRESSES}({text}) END"


def _is_simple(text: str) -> str:
    """Return the condition that no addresses but simple ones stand in a text in which some may."""
    return f"contains({text}, '=') AND NOT regexp_matches({_without_simple(text)}, {quote(BESIDE_SIMPLE)})"


def _without_simple(text: str) -> str:
    return f"regexp_replace({text}, {quote(SIMPLE_PARAMETER)}, '\\1{REDACTED}\\2', 'g')"


def _may_hold_address(column: str, hidden: str = "true") -> str:
    percent = f"{_holds(column, '%')} AND regexp_matches({column}, {quote(PERCENT_ENCODED)})"
    plus = f"contains({column}, '+') AND {_holds(column, '%', '&')}"
    escaped = f"({_holds(column, '#', _BACKSLASH)} OR {plus})"
    escaped += f" AND regexp_matches({column}, {quote(f'{ESCAPED}|{PLUS_BEFORE_ENCODED}')})"
    # Most addresses of pages hold an ampersand and no semicolon, most names of browsers the contrary.
    named = f"{_holds(column, '&')} AND {_holds(column, ';')}"
    is_hidden = f"({named} OR {_holds(column, *_IN_BRACKETS)})"
    is_hidden += f" AND regexp_matches({column}, {quote(f'{NAMED}|{AT_IN_BRACKETS}')})"
    is_hidden = f"CASE WHEN {hidden} THEN {is_hidden} ELSE false END"
    return f"({_holds(column, '@')} OR {percent} OR {escaped} OR {is_hidden})"


def _names_somebody(column: str, hidden: str) -> str:
    """Return the condition that a text without blanks holds an address or a phone number; ask Python about a few.

    Patterns would be compiled for each slice, and each id has its own.
    """
    is_hidden = f"CASE WHEN {hidden} THEN {_holds(column, ';', *_IN_BRACKETS)} ELSE false END"
    signs = _holds(column, "@", "%", "+", "#", _BACKSLASH)
    likely = f"{signs} OR strlen({column}) <> length({column}) OR {is_hidden}"
    return f"CASE WHEN {likely} THEN {WITHOUT_DIALLED}({column}) <> {column} ELSE false END"


def holds_control(column: str) -> str:
    """Return the condition that a character that is not seen may hide something in `column`."""
    return f"regexp_matches({column}, {quote(CONTROLS)})"


def _is_unusual(column: str) -> str:
    """Return the condition that a number in `column` may be written with characters beyond ASCII."""
    return f"(strlen({column}) <> length({column}) AND regexp_matches({column}, {quote(UNUSUAL)}))"


def _holds(column: str, *texts: str) -> str:
    return f"({' OR '.join(f'contains({column}, {quote(text)})' for text in texts)})"


def number_text(number: str) -> str:
    """Write a DECIMAL as JSON number text, without exponent and trailing zeros."""
    return f"rtrim(rtrim({number}::VARCHAR, '0'), '.')"


def text_of(column: str, kind: pa.DataType) -> str:
    """Return the text of a column of any readable type, not yet stripped."""
    if pa.types.is_floating(kind):
        return _float_text(column)
    if pa.types.is_decimal(kind):
        return number_text(column) if kind.scale > 0 else f"{column}::VARCHAR"
    if pa.types.is_boolean(kind):
        return f"CASE WHEN {column} THEN 'true' WHEN NOT {column} THEN 'false' END"
    if pa.types.is_timestamp(kind):
        return _timestamp_text(column, kind)
    return column if is_text(kind) else f"{column}::VARCHAR"


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of this Arrow type holds text."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _float_text(column: str) -> str:
    shortest = f"({column}::VARCHAR)"
    return (
        f"CASE WHEN NOT isfinite({column}) THEN NULL WHEN {column} = 0 THEN '0'"
        f" WHEN contains({shortest}, 'e') THEN {DECIMAL_TEXT}({shortest})"
        f" WHEN ends_with({shortest}, '.0') THEN {shortest}[:-3] ELSE {shortest} END"
    )


def _timestamp_text(column: str, kind: pa.DataType) -> str:
    """Write a timestamp as `datetime.isoformat` does, with three more digits for nanoseconds; `infinity` as it is."""
    local = f"timezone('UTC', {column})" if kind.tz else column
    whole = f"strftime({local}, '%Y-%m-%dT%H:%M:%S')"
    part, fraction = _nanoseconds(column) if kind.unit == "ns" else _microseconds(column, local)
    iso = f"{whole} || CASE WHEN {part} <> 0 THEN '.' || {fraction} ELSE '' END"
    return f"CASE WHEN {part} IS NULL THEN {whole} ELSE {iso} || '+00:00' END" if kind.tz else iso


def _microseconds(column: str, local: str) -> tuple[str, str]:
    """Return the fraction of a second, NULL for infinity, and its digits."""
    return f"(epoch_us({column}) % 1000000)", f"strftime({local}, '%f')"


def _nanoseconds(column: str) -> tuple[str, str]:
    part = f"((epoch_ns({column}) % 1000000000 + 1000000000) % 1000000000)"
    nine = f"lpad({part}::VARCHAR, 9, '0')"
    return part, f"CASE WHEN {part} % 1000 = 0 THEN left({nine}, 6) ELSE {nine} END"


def id_number(text: str) -> str:
    """Return 64 bits of an id, by which rows with that id are found again; NULL for NULL."""
    return f"md5_number_lower({text})"
