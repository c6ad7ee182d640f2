from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connector.errors import ConfigurationError
from connector.queries.query_environment import TemplateLocation
from connector.queries.query_template import render_value

PLACE = TemplateLocation(Path("t.yaml"), 7)


def value_of(text: str, /, **parameters: Any) -> Any:
    return render_value(text, parameters=parameters, target="local", location=PLACE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ parameters.event | default('CompletePayment') }}", "CompletePayment"),
        ("{{ parameters.day }}", date(2026, 1, 1)),
        ("{{ parameters.zip }}", "00123"),
        ("{{ parameters.n }}", 5),
        ("{{ parameters.n }}!", "5!"),
        ("{{ parameters.n }}{{ parameters.n }}", "55"),
        ("{% if parameters.n > 3 %}many{% endif %}", "many"),
        ("{{ parameters.none }}", None),
        ("it's {{ target }}", "it's local"),
        ("{{ parameters.text }}", "{{ 1 }}"),
    ],
)
def test_a_value_is_plain_and_keeps_its_type(text: str, value: object) -> None:
    found = value_of(text, day=date(2026, 1, 1), zip="00123", n=5, none=None, text="{{ 1 }}")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ parameters.evnt }}", ['"evnt"', 'Did you mean "event"?']),
        ("a {{ parameters.evnt }}", ['"evnt"']),
        ("{{ run.started_at }}", ['"run" is not defined', "parameters, target"]),
        ("{{ parameters.event", ["not valid Jinja"]),
    ],
)
def test_what_cannot_be_filled_in_is_told_with_the_place(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        value_of(text, event="x")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (Path("t.yaml"), 7)
    assert all(word in problem.message for word in words)
