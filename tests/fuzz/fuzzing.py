"""Run the target of a border on inputs made from its corpus, for as many seconds as there are.

An input is a name, whose suffix says what kind of file it is, and bytes. The corpus of a border is the folder
`corpus/BORDER`; an input that fails in `make fuzz` is added to it.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import FrameType

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis.strategies import SearchStrategy

from tests.fuzz.under_way import UnderWay

FOLDER = Path(__file__).parent / "corpus"
SECONDS, SEED = "FUZZ_SECONDS", "FUZZ_SEED"
"""Variables of `make fuzz`."""
TEST_SECONDS = 1.0
"""What a target gets in `make test`, which tries the same inputs each time."""
INPUTS_A_SEED = 1_000
SECONDS_TO_SHRINK = 30


@dataclass(frozen=True)
class Input:
    """What is fed to a border."""

    name: str
    content: bytes

    def __repr__(self) -> str:
        return f"Input({self.name!r}, {self.content[:300]!r})"


class TimeIsUp(KeyboardInterrupt):
    """Ends a target without a failure, in the midst of what Hypothesis draws."""


Check = Callable[[Input], None]


def corpus(border: str) -> list[Input]:
    """Read the corpus of a border, by name."""
    return [Input(path.name, path.read_bytes()) for path in sorted((FOLDER / border).iterdir())]


def for_each(border: str) -> pytest.MarkDecorator:
    """Parametrize a test by the corpus of a border."""
    inputs = corpus(border)
    return pytest.mark.parametrize("case", inputs, ids=[one.name for one in inputs])


@dataclass
class Tried:
    """What was tried: from which seed on, for how many seconds, how many inputs; when it failed, and the input.

    The first input does not count among the seconds: with it much is loaded, and processes start.
    """

    first_seed: int
    seconds: float
    under_way: UnderWay
    seed: int = 0
    ends: float | None = None
    inputs: int = 0
    failed: float | None = None
    smallest: Input | None = None

    def check(self, case: Input, check: Check) -> None:
        """Check an input, and record whether it failed. Raises TimeIsUp."""
        if self.failed is None and self.ends is not None and time.monotonic() > self.ends:
            raise TimeIsUp
        if self.failed and time.monotonic() > self.failed + SECONDS_TO_SHRINK and case != self.smallest:
            return
        self.inputs += 1
        self.under_way.write(case.name, case.content, self.seed)
        try:
            check(case)
        except Exception:
            self.failed, self.smallest = self.failed or time.monotonic(), case
            raise
        self.ends = self.ends or time.monotonic() + self.seconds


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail where the block takes longer. Raises TimeoutError in the midst of it, for the main thread alone."""

    def stop(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"it takes more than {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fuzz(border: str, inputs: SearchStrategy[Input], check: Check, *, environ: Mapping[str, str] = os.environ) -> Tried:
    """Check inputs until the time is up. A failure is made small, and kept in the corpus when `make fuzz` finds it."""
    seconds = float(environ.get(SECONDS) or TEST_SECONDS)
    first_seed = int(environ.get(SEED) or (time.time_ns() % 10**9 if environ.get(SECONDS) else 0))
    tried = Tried(first_seed, seconds, UnderWay(border), first_seed)
    try:
        while True:
            _round(inputs, check, tried)
            tried.seed += 1
    except TimeIsUp:
        return tried
    except Exception as error:
        kept = _kept(border, tried, environ)
        error.add_note(f"\n{border}: {SEED}={tried.seed}, after {tried.inputs:,} inputs: {kept}")
        raise
    finally:
        tried.under_way.remove()


def _round(inputs: SearchStrategy[Input], check: Check, tried: Tried) -> None:
    @hypothesis.seed(tried.seed)
    @hypothesis.settings(
        max_examples=INPUTS_A_SEED,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @hypothesis.given(inputs)
    def checked(case: Input) -> None:
        tried.check(case, check)

    checked()


def _kept(border: str, tried: Tried, environ: Mapping[str, str]) -> str:
    case = tried.smallest
    if case is None or not environ.get(SECONDS):
        return f"{case!r}"
    return keep(border, case)


def keep(border: str, case: Input, folder: Path = FOLDER) -> str:
    """Add an input to the corpus of its border, and tell where."""
    begin, dot, suffixes = case.name.partition(".")
    name = f"{begin.partition('_')[0]}_{sha256(case.content).hexdigest()[:8]}{dot}{suffixes}"
    (folder / border / name).write_bytes(case.content)
    return f"kept as corpus/{border}/{name}"
