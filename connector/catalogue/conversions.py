"""The conversions file of LiveRamp's Events API program for offline conversions.

Source: the program's page ("Format the Conversion File Data", "List of All File Columns"). It does not define "50 GB";
the smaller of the two meanings is used.
"""

NAME = "liveramp_conversions"

COLUMNS = (
    "first_name",
    "last_name",
    "address_1",
    "address_2",
    "city",
    "state",
    "zip",
    "email_1",
    "email_2",
    "email_3",
    "email_4",
    "transaction_category",
    "transaction_timestamp",
    "transaction_amount",
    "phone_1",
    "phone_2",
    "order_id",
    "store_code",
    "quantity",
    "product_id",
    "product_name",
    "product_category",
    "product_brand",
    "product_price",
)
"""All allowed columns, in the required order."""

REQUIRED = ("email_1", "transaction_category", "transaction_timestamp", "transaction_amount")
"""The columns that every file needs."""

FILLED = ("transaction_category", "transaction_timestamp", "transaction_amount")
"""The columns that every row has to fill."""

EMAILS = ("email_1", "email_2", "email_3", "email_4")
PLACEHOLDERS = ("n/a", "null")
"""Words that must not stand for a missing value; compared in lower case."""

MOST_ROWS = 500_000_000
"""The most rows in a file."""
MOST_BYTES = 50_000_000_000
"""The largest file, uncompressed."""

FILES_A_DAY = 1
"""The most files in a day."""
