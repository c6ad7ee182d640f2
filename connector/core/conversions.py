"""The conversions file of LiveRamp's TikTok Events API program for offline conversions.

From the program's page ("Format the Conversion File Data", "List of All File Columns"), which states all of it, but for
what "50 GB" is to the byte: the smaller of the two meanings is taken.
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
"""All columns that there may be, in the order in which those that there are have to stand."""

REQUIRED = ("email_1", "transaction_category", "transaction_timestamp", "transaction_amount")
"""The columns that no file may lack."""

FILLED = ("transaction_category", "transaction_timestamp", "transaction_amount")
"""The columns that no row may leave blank."""

EMAILS = ("email_1", "email_2", "email_3", "email_4")
PLACEHOLDERS = ("n/a", "null")
"""What may not stand for a value that is not there; compared in lower case."""

MOST_ROWS = 500_000_000
MOST_BYTES = 50_000_000_000
"""Of a file, uncompressed."""

FILES_A_DAY = 1
