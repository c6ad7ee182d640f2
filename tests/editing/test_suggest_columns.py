"""Columns that are suggested for parameters, by their names alone."""

import pytest

from connector.catalogue import EVENTS
from connector.inspection.mapping_suggestion import suggest_columns


def suggested(*columns: str) -> dict[str, tuple[tuple[str, ...], str]]:
    """The suggestions that have columns or a reason."""
    found = suggest_columns(columns, EVENTS.parameters)
    return {one.parameter.name: (one.selected, one.why) for one in found if one.why}


@pytest.mark.parametrize(
    ("column", "parameter", "why"),
    [
        ("email", "email", "Same name"),
        ("EMAIL", "email", "Same name"),
        ("emails", "email", "Known alias"),
        ("mail", "email", "Similar name"),
        ("emailAddress", "email", "Similar name"),
        ("customer_id", "external_id", "Similar name"),
        ("order_number", "order_id", "Similar name"),
        ("orderedAt", "timestamp", "Similar name"),
        ("qty", "quantity", "Similar name"),
    ],
)
def test_a_certain_name_is_selected(column: str, parameter: str, why: str) -> None:
    assert suggested(column) == {parameter: ((column,), why)}


@pytest.mark.parametrize(("column", "parameter"), [("customer_email", "email"), ("shipped_at", "timestamp")])
def test_a_possible_name_is_shown_and_not_selected(column: str, parameter: str) -> None:
    assert suggested(column) == {parameter: ((), f"Possible: {column}")}


@pytest.mark.parametrize(
    ("columns", "parameter"),
    [
        (("email_1", "email_2_hash"), "email"),
        (("amount", "revenue"), "value"),
        (("phone_1", "phone_2_hash"), "phone"),
    ],
)
def test_columns_that_fit_equally_are_left_to_the_user(columns: tuple[str, ...], parameter: str) -> None:
    sentence = f"2 columns fit: {', '.join(columns)}. Choose one."
    assert suggested(*columns) == {parameter: ((), sentence)}


def test_hashed_values_are_not_taken_beside_the_plain_ones() -> None:
    assert suggested("email_sha256", "email") == {"email": (("email",), "Same name")}


def test_numbered_columns_of_one_kind_are_taken_together() -> None:
    columns = ("email_1", "email_2", "email_3", "email_4")
    assert suggested(*columns) == {"email": (columns, "Similar name")}


@pytest.mark.parametrize("columns", [("loyalty_tier", "colour"), (), tuple(f"c{n}" for n in range(500))])
def test_other_columns_are_suggested_for_nothing(columns: tuple[str, ...]) -> None:
    assert suggested(*columns) == {}


def test_a_column_fills_one_parameter_and_the_order_of_columns_does_not_matter() -> None:
    columns = ("EventTime", "orderId", "amount", "email", "sku", "event_id", "tier", "phone")
    found = suggested(*columns)
    taken = [column for selected, _ in found.values() for column in selected]
    assert len(taken) == len(set(taken)) == 7
    assert suggested(*reversed(columns)) == found == suggested(*columns)
