"""Jinja sandbox in which no single operator, filter or method can make a huge value."""

import re
from collections.abc import Callable, Mapping, Sized
from functools import wraps
from types import BuiltinMethodType
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import MAX_RANGE, SandboxedEnvironment

MOST_CHARACTERS = 1 << 20
"""The longest value that an expression may calculate."""
_NUMBER = re.compile(r"[0-9]+")
_PADDING_FILTERS = ("center", "format", "indent")
_PADDING_METHODS = {"center", "expandtabs", "format", "format_map", "ljust", "rjust", "to_bytes", "zfill"}
_COUNTING_FILTERS = ("batch", "round", "slice", "tojson")
"""Filters whose argument is a number that the size of the result depends on."""


class BoundedEnvironment(SandboxedEnvironment):
    """A sandbox that also limits the size of values."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name in _PADDING_FILTERS:
            del self.filters[name]
        for name in _COUNTING_FILTERS:
            self.filters[name] = _bounded(name, self.filters[name])
        del self.globals["lipsum"]

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator unless the result could be longer than MOST_CHARACTERS. Raises ValueError if it could."""
        if _most_characters(operator, left, right) > MOST_CHARACTERS:
            raise ValueError(f"{operator} makes a value of more than {MOST_CHARACTERS:,} characters")
        return super().call_binop(context, operator, left, right)

    def call(self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call an object. Raises SecurityError for methods that pad."""
        method = getattr(__obj, "__wrapped__", __obj)
        if not self.is_safe_callable(method) and isinstance(method, BuiltinMethodType):
            raise SecurityError(f'the method "{method.__name__}" cannot be used here; format with %')
        return super().call(__context, __obj, *args, **kwargs)

    def is_safe_callable(self, obj: Any) -> bool:
        """Return true if an object may be called; methods that pad to a length may not."""
        if isinstance(obj, BuiltinMethodType) and obj.__name__ in _PADDING_METHODS:
            return False
        return super().is_safe_callable(obj)


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter so that it refuses arguments above MAX_RANGE."""
    own = 2 if hasattr(function, "jinja_pass_arg") else 1

    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        for argument in (*args[own:], *kwargs.values()):
            if isinstance(argument, int) and abs(argument) > MAX_RANGE:
                raise ValueError(f'the filter "{name}" takes no number above {MAX_RANGE:,}')
        return function(*args, **kwargs)

    return bounded


def _most_characters(operator: str, left: Any, right: Any) -> float:
    """Estimate how many characters the result of an operator can have."""
    if operator == "%":
        return _most_formatted(left, right) if isinstance(left, str | bytes) else 0
    if isinstance(left, int) and isinstance(right, int):
        digits = len(str(abs(left))) if abs(left) < 10**100 else left.bit_length()
        return digits * (right if operator == "**" else 1)
    for many, times in ((left, right), (right, left)):
        if isinstance(many, Sized) and isinstance(times, int):
            return len(many) * times
    return 0


def _most_formatted(text: str | bytes, values: Any) -> int:
    """Estimate how long a text can be once its `%` are filled in: its widths, and the longest value for each `%`."""
    pattern = text if isinstance(text, str) else text.decode("latin-1")
    widths = sum(map(int, _NUMBER.findall(pattern)))
    inserted = values.values() if isinstance(values, Mapping) else values if isinstance(values, tuple) else (values,)
    stars = "*" in pattern
    longest = max((_length(value, as_width=stars) for value in inserted), default=0)
    return len(pattern) + widths + pattern.count("%") * longest


def _length(value: Any, *, as_width: bool) -> int:
    if isinstance(value, int):
        return abs(value) if as_width else value.bit_length()
    return len(value) if isinstance(value, Sized) else 0
