"""Values written as YAML in a single line, or as lines of a block."""

import json
import re
from decimal import Decimal
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_READ_AS_OTHER = frozenset("true false null yes no on off y n".split())
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_LONGEST_FLOW = 100


def flow_text(value: Any) -> str:
    """Write a value (dict, list, str, int, float, bool or None) in one line, quoted unless it is a plain word."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow_text(str(key))}: {flow_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow_text, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else json.dumps(value)


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _READ_AS_OTHER:
        return value
    # JSON's texts are YAML's double-quoted ones, but for characters that YAML does not allow to stand as they are.
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def block_lines(key: str, value: Any, indent: int) -> list[str]:
    """Write an entry of a mapping as lines without their ends; a mapping of some size gets a line for each entry."""
    blanks = " " * indent
    if not (isinstance(value, dict) and _is_large(value)):
        return [f"{blanks}{_text(key)}: {flow_text(value)}"]
    inner = [line for name, item in value.items() for line in block_lines(str(name), item, indent + 2)]
    return [f"{blanks}{_text(key)}:", *inner]


def _is_large(value: dict[str, Any]) -> bool:
    return (
        len(value) > 3
        or any(isinstance(item, dict) for item in value.values())
        or len(flow_text(value)) > _LONGEST_FLOW
    )
