"""How many examples hypothesis draws: `make test` a fifth of those of long properties, `make thorough` all of them."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import settings

_Test = TypeVar("_Test", bound=Callable[..., Any])

SHARE = 5
THOROUGH = "thorough"


def load_profile(marker_expression: str) -> None:
    """Choose between few and all examples by pytest's `-m`, before the tests are imported."""
    settings.register_profile(THOROUGH, settings())
    if marker_expression == THOROUGH:
        settings.load_profile(THOROUGH)


def scaled(base: settings, max_examples: int) -> Callable[[_Test], _Test]:
    """Draw a fifth of `max_examples` in `make test`; run the test in `make thorough` too, with all of them."""

    def decorate(test: _Test) -> _Test:
        thorough = settings.get_current_profile_name() == THOROUGH
        examples = max_examples if thorough else -(-max_examples // SHARE)
        limited: _Test = settings(base, max_examples=examples)(test)
        return pytest.mark.thorough(limited) if thorough else limited

    return decorate
