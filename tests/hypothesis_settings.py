"""How many examples hypothesis draws: few in `make test`, all in `make thorough`, which has each property again."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

_Test = TypeVar("_Test", bound=Callable[..., Any])

SHARE = 8
THOROUGH, QUICK = "thorough", "quick"


def load_profile(marker_expression: str) -> None:
    """Choose between few and all examples by pytest's `-m`, before the tests are imported.

    How busy the machine is decides nothing.
    """
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile(THOROUGH, patient)
    settings.register_profile(QUICK, patient, max_examples=15)
    settings.load_profile(THOROUGH if marker_expression == THOROUGH else QUICK)


def is_thorough() -> bool:
    """Tell whether all examples are drawn."""
    return settings.get_current_profile_name() == THOROUGH


def scaled(base: settings, max_examples: int, share: int = SHARE) -> Callable[[_Test], _Test]:
    """Draw an eighth (or another share) of `max_examples` in `make test`, and all of them in `make thorough`."""

    def decorate(test: _Test) -> _Test:
        examples = max_examples if is_thorough() else -(-max_examples // share)
        limited: _Test = settings(base, max_examples=examples)(test)
        return limited

    return decorate
