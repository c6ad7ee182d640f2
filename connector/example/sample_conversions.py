"""A sample conversions file of LiveRamp's program: nobody in it exists, and its dates are those of the last days."""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from connector.catalogue.conversions import COLUMNS, PLACEHOLDERS
from connector.errors import UsageError

DELIMITERS = {".csv": ",", ".tsv": "\t", ".psv": "|", ".txt": "|"}
"""The delimiter of a new file by its suffix."""

_DAYS = 20
_FIRST_NAMES = ("Ada", "Benjamin", "Chloé", "Dmitri", "Esperanza", "Femi", "Grace", "Hana")
_SURNAMES = ("Adeyemi", "Brown", "Castañeda", "Dvořák", "Eriksson", "Fischer", "Ito")
_PRODUCTS = (
    ("mug-01", "Coffee mug", "Kitchen", "Harbour", "12.50"),
    ("lamp-02", "Desk lamp", "Home", "Lumen", "49.90"),
    ("rug-03", "Wool rug", "Home", "Harbour", "189.00"),
    ("pen-04", "Fountain pen", "Office", "Quill", "24.00"),
)


def conversions_text(
    rows: int, today: date, delimiter: str, *, dirty: bool = False, categories: Sequence[str] = ()
) -> str:
    """Return the header line and so many rows, the same all day; `dirty`: two rows in twenty are invalid.

    Rows take the `categories` in turn; without them each is a purchase in a shop or offline.
    """
    output = io.StringIO()
    writer = csv.writer(output, delimiter=delimiter, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number in range(rows):
        row = _row(number, today)
        if dirty:
            row |= _invalid_fields(number, today)
        if categories:
            row["transaction_category"] = categories[number % len(categories)]
        writer.writerow(row.get(name, "") for name in COLUMNS)
    return output.getvalue()


def write_conversions(path: Path, rows: int, categories: Sequence[str] = ()) -> None:
    """Write a new file with so many rows of these categories, with the delimiter of its suffix.

    Raises UsageError if it cannot be written, and for categories that the program's files cannot have.
    """
    _check_categories(categories, rows)
    if path.suffix not in DELIMITERS:
        raise UsageError(f"{path} cannot be a conversions file: its name must end in {', '.join(DELIMITERS)}.")
    text = conversions_text(rows, datetime.now(UTC).date(), DELIMITERS[path.suffix], categories=categories)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists and is not changed.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


def _check_categories(categories: Sequence[str], rows: int) -> None:
    """Refuse values that the format refuses, and too few rows to show every value, as a sample has to."""
    for name in categories:
        if name != name.strip() or any(map(str.isspace, name.replace(" ", ""))) or name.lower() in ("", *PLACEHOLDERS):
            raise UsageError(
                f"{json.dumps(name, ensure_ascii=False)} cannot be a transaction category: it is blank, has blanks "
                "around it or a line break or tab within, or says N/A or null."
            )
    if repeated := [name for name, count in Counter(categories).items() if count > 1]:
        raise UsageError(f'The transaction category "{repeated[0]}" is given twice: name each once.')
    if rows < len(categories):
        raise UsageError(
            f"--rows {rows} is too few to show every transaction category ({len(categories)}): pass --rows 25, as the "
            "program asks for in a sample."
        )


def _row(number: int, today: date) -> dict[str, str]:
    first_name, surname = _FIRST_NAMES[number % len(_FIRST_NAMES)], _SURNAMES[number % len(_SURNAMES)]
    day = today - timedelta(days=1 + number % _DAYS)
    product, product_name, category, brand, price = _PRODUCTS[number % len(_PRODUCTS)]
    quantity = 1 + number % 3
    return {
        "first_name": first_name,
        "last_name": surname,
        "city": "Seattle",
        "state": "WA",
        "zip": "98101",
        "email_1": f"customer.{number}@example.com" if number % 5 else "",
        "email_2": f"customer.{number}@example.org" if number % 7 == 1 else "",
        "transaction_category": "Offline" if number % 4 == 3 else "In Store",
        "transaction_timestamp": f"{day} {9 + number % 10:02}:{number % 60:02}:00",
        "transaction_amount": f"{float(price) * quantity:.2f}",
        "phone_1": "" if number % 5 and number % 3 else f"+1206555{100 + number % 100:04}",
        "order_id": f"C{day:%Y%m%d}{number:04}",
        "store_code": f"{101 + number % 6}",
        "quantity": str(quantity),
        "product_id": product,
        "product_name": product_name,
        "product_category": category,
        "product_brand": brand,
        "product_price": price,
    }


def _invalid_fields(number: int, today: date) -> dict[str, str]:
    fields_by_number: dict[int, dict[str, str]] = {
        7: {"email_1": "", "email_2": "", "phone_1": ""},
        13: {"transaction_timestamp": f"{today - timedelta(days=40)} 12:00:00"},
    }
    return fields_by_number.get(number % 20, {})
