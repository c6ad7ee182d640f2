"""A plain reading of the program's page, one row and one value after the other: what is wrong with a file.

Written from the page alone ("Format the Conversion File Data" and the list of columns), with nothing of the product.
"""

import csv
import io
from collections.abc import Iterator, Sequence

ALL = (
    "first_name last_name address_1 address_2 city state zip email_1 email_2 email_3 email_4 transaction_category "
    "transaction_timestamp transaction_amount phone_1 phone_2 order_id store_code quantity product_id product_name "
    "product_category product_brand product_price"
).split()
NEEDED = ["email_1", "transaction_category", "transaction_timestamp", "transaction_amount"]


def wrong_headers(names: Sequence[str]) -> bool:
    """Whether these are not the headers, exactly, and in their order."""
    known = [name for name in ALL if name in names]
    return list(names) != known or any(name not in names for name in NEEDED)


def wrong_fields(text: str, delimiter: str, declared: Sequence[str] = ()) -> list[tuple[int, str]]:
    """(line, what is wrong) for each field, or row, that the page does not allow; lines hold no breaks within."""
    names, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    return [(line, what) for line, row in enumerate(rows, 2) for what in _wrong_row(names, row, declared)]


def _wrong_row(names: Sequence[str], row: Sequence[str], declared: Sequence[str]) -> Iterator[str]:
    if not any(row):
        return
    if len(row) != len(names):
        yield "ragged"
        return
    for name, value in zip(names, row, strict=True):
        if value != value.strip():
            yield f"{name} space"
        if value.lower() in {"n/a", "null"}:
            yield f"{name} word"
        if name in NEEDED[1:] and value == "":
            yield f"{name} blank"
        if name == "transaction_category" and declared and value and value not in declared:
            yield "undeclared"
