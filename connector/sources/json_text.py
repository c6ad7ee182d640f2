"""Conversion of JSON columns to text."""

import json

import pyarrow as pa
import pyarrow.compute as pc

from connector.sources.array_conversion import Conversion

_WHITE_SPACE = " \t\r\n"


def json_texts(array: pa.Array) -> pa.Array:
    """Convert JSON strings to their text, JSON null to NULL, other values (numbers, objects, …) to JSON."""
    texts = pc.utf8_trim(array.cast(pa.string()), _WHITE_SPACE)
    texts = pc.if_else(pc.equal(texts, "null"), pa.scalar(None, pa.string()), texts)
    is_string = pc.fill_null(pc.starts_with(texts, '"'), False)
    if not pc.any(is_string).as_py():
        return texts
    texts = pc.if_else(is_string, pc.utf8_slice_codeunits(texts, 1, -1), texts)
    is_escaped = pc.and_(is_string, pc.fill_null(pc.match_substring(texts, "\\"), False))
    return _unescape(texts, is_escaped) if pc.any(is_escaped).as_py() else texts


JSON = Conversion(pa.string(), json_texts)


def _unescape(texts: pa.StringArray, is_escaped: pa.BooleanArray) -> pa.StringArray:
    escaped = texts.filter(is_escaped).dictionary_encode()
    plain = pa.array([_decode_string(one) for one in escaped.dictionary.to_pylist()], pa.string())
    return pc.replace_with_mask(texts, is_escaped, plain.take(escaped.indices))


def _decode_string(escaped: str) -> str:
    """Decode a JSON string without its quotation marks; return an invalid one, such as half a surrogate, unchanged."""
    try:
        text: str = json.loads(f'"{escaped}"', strict=False)
        text.encode()
    except ValueError:
        return escaped
    return text
