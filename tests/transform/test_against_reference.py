"""The compiled transform and the plain-Python reference must agree on any table."""

from collections.abc import Iterable, Mapping

from hypothesis import HealthCheck, given, settings

from tests import reference
from tests.hypothesis_settings import scaled
from tests.reference import event_json
from tests.strategies import Example, examples
from tests.transform.harness import persons_in, template_of, transformed

UNHURRIED = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


@scaled(UNHURRIED, 300, share=10)
@given(examples())
def test_both_say_the_same_of_every_row(tmp_path_factory: object, example: Example) -> None:
    mapping = present(example.mapping, example.columns)
    full = None if mapping is None else reference.identity_template() | dict(mapping)
    expected = reference.transform(example.table.to_pylist(), example.settings, full)
    directory = tmp_path_factory.mktemp("template")  # type: ignore[attr-defined]
    template = template_of(mapping, directory, extends=True)
    outcome = transformed(example.table, example.settings, template)
    assert outcome.rejected == expected.rejected
    assert outcome.skipped == expected.skipped
    assert outcome.warnings == expected.warnings
    assert outcome.rows == [event.rows for event in expected.events]
    assert outcome.routes == [(event.event_source, event.event_source_id) for event in expected.events]
    assert outcome.texts == [event_json(event) for event in expected.events]
    assert outcome.persons == [persons_in(event.data) for event in expected.events]
    assert outcome.read == example.table.num_rows


def present(mapping: Mapping[str, object] | None, columns: Iterable[str]) -> dict[str, object] | None:
    """The mapping without columns that the table does not have: naming one is an error of the template."""
    if mapping is None:
        return None
    known = {name.lower() for name in columns}
    kept = {key: [one for one in named(source) if one.lower() in known] for key, source in mapping.items()}
    several = {key: names for key, names in kept.items() if isinstance(mapping[key], list)}
    return {key: several.get(key, source) for key, source in mapping.items() if kept[key] or not named(source)}


def named(source: object) -> list[str]:
    """The columns that a template's entry names; none for a constant."""
    if isinstance(source, dict):
        return [str(source["column"])] if "column" in source else []
    return [str(name) for name in source] if isinstance(source, list) else [str(source)]
