"""Find a column of a result by the name that settings give it."""

import pyarrow as pa


def named_column(schema: pa.Schema, name: str) -> pa.Field | None:
    """Return the column with a name, else one whose name differs in case only; None if there is none."""
    exact = [field for field in schema if field.name == name]
    alike = [field for field in schema if field.name.casefold() == name.casefold()]
    return next(iter(exact or alike), None)
