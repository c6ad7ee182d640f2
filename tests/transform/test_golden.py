"""The golden cases, run through the compiled transform."""

from collections import Counter
from pathlib import Path

import pytest

from tests.golden import CASES, Case
from tests.transform.harness import arrow_table, template_of, transformed


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=[pytest.mark.thorough] if number % 3 else [])
        for number, case in enumerate(CASES)
    ],
)
def test_a_golden_case(case: Case, tmp_path: Path) -> None:
    template = template_of(case.mapping, tmp_path, extends=case.extends)
    outcome = transformed(arrow_table(case.columns), case.settings, template)
    assert outcome.rejected == case.rejected
    assert outcome.skipped == case.skipped
    assert outcome.warnings == Counter(case.warnings)
    if case.identical_value:
        assert outcome.identical_value == case.identical_value
    assert outcome.events == list(case.events)
    if case.routes is not None:
        assert outcome.routes == list(case.routes)
    if case.rows is not None:
        assert outcome.rows == list(case.rows)
    if case.texts is not None:
        assert outcome.texts == list(case.texts)
