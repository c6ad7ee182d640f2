"""Print what each target tried at the end of `make fuzz`."""

from collections.abc import Callable

import pytest

from tests.fuzz.fuzzing import SEED, Input, Tried, keep
from tests.fuzz.under_way import take_fatal

Record = Callable[[Tried], None]
_TRIED = "tried"


@pytest.fixture(name="record")
def record_tried(record_property: Callable[[str, object], None], request: pytest.FixtureRequest) -> Record:
    """Take down what a target tried, for the summary."""

    def record(tried: Tried) -> None:
        name = request.node.name.removeprefix("test_").replace("_", " ")
        record_property(_TRIED, f"{tried.inputs:>9,} inputs, FUZZ_SEED={tried.first_seed:<10} {name}")

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each target that found nothing, and for each input whose process died."""
    if not hasattr(terminalreporter.config, "workerinput"):
        for border, name, content, seed in take_fatal():
            kept = keep(border, Input(name, content))
            terminalreporter.write_line(f"The process died: {border}, {SEED}={seed}, {kept}", red=True)
    for report in terminalreporter.getreports("passed"):
        for name, line in report.user_properties:
            if name == _TRIED:
                terminalreporter.write_line(str(line))
