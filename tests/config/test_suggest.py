"""Columns that are suggested for a name that no column has."""

import pytest

from connector.config.suggest import similar_column

COLUMNS: list[tuple[str, list[str], str | None]] = [
    ("guest_mail", ["guest_tel", "mail", "total"], "mail"),
    ("guest_mail", ["guest_tel", "total"], None),
    ("guest_mail", ["guest_tel", "email"], "email"),
    ("guest_mail", ["guest_mails", "mail"], "guest_mails"),
    ("emial", ["phone", "email"], "email"),
    ("Guest Mail", ["tel", "guest_mail"], "guest_mail"),
    ("guestmail", ["guest_tel", "guest_mail"], "guest_mail"),
    ("mail", ["guest_mail", "guest_tel"], "guest_mail"),
    ("order_date", ["birth_date", "order_total"], None),
    ("order_id", ["id", "order_at"], None),
    ("order_id", ["oder_id", "order_at"], "oder_id"),
    ("checkout_email", ["account_email", "checkout_phone"], None),
    ("timestamp", ["time", "stamp_duty"], "time"),
    ("anything", [], None),
    ("", ["email"], None),
]


@pytest.mark.parametrize(("word", "columns", "suggested"), COLUMNS)
def test_a_column_is_suggested_only_if_it_is_near(word: str, columns: list[str], suggested: str | None) -> None:
    assert similar_column(word, columns) == (f' Did you mean "{suggested}"?' if suggested else "")
