"""The differences between SQL dialects in the delimiters of text, names and comments.

Sources: the lexical structure pages of each database's manual. Names are SQLAlchemy's.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Dialect:
    """The lexical rules of a dialect."""

    name: str
    backslash: bool | None = False
    """A backslash escapes the next character of a text; None if unknown: text with a backslash is then refused."""
    quote_in_text: Literal["''", "\\'"] = "''"
    name_quote: str = '"'
    double_quoted_text: bool = False
    triple_quotes: bool = False
    dollar_quotes: bool = False
    raw_text: bool = False
    """In R'…' a backslash escapes nothing."""
    brackets: bool = False
    """A name may be in brackets."""
    backticks: bool = False
    """A name may be in backticks, although `name_quote` is another sign."""
    backslash_in_names: bool = False
    """A backslash escapes the next character of a quoted name."""
    q_quotes: bool = False
    line_comments: tuple[str, ...] = ("--",)
    nested_comments: bool = False
    booleans: tuple[str, str] = ("FALSE", "TRUE")
    times: Literal["typed", "utc", "text", "cast", "datetime64"] = "typed"
    """`utc` is typed without an offset, as the session is in UTC; `datetime64` is a cast to ClickHouse's type."""
    zoned_type: Literal["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_TZ"] = "TIMESTAMP"
    """The type of a time with an offset. If TIMESTAMP drops the offset, the time would be one of the session's zone."""

    @property
    def name_openers(self) -> frozenset[str]:
        """Return the signs that begin a quoted name."""
        openers = {self.name_quote} | ({"["} if self.brackets else set()) | ({"`"} if self.backticks else set())
        return frozenset(openers if self.double_quoted_text else openers | {'"'})


def _like_postgres(name: str) -> Dialect:
    return Dialect(name, dollar_quotes=True, nested_comments=True, zoned_type="TIMESTAMPTZ")


def _like_spark(name: str, *, raw_text: bool = False) -> Dialect:
    return Dialect(
        name, backslash=True, quote_in_text="\\'", name_quote="`", double_quoted_text=True, raw_text=raw_text
    )


def _like_mysql(name: str) -> Dialect:
    comments = (r"--(?=\s|\Z)", "#")
    return Dialect(name, backslash=True, name_quote="`", double_quoted_text=True, line_comments=comments, times="utc")


_KNOWN = (
    _like_postgres("duckdb"),
    _like_postgres("postgresql"),
    _like_postgres("cockroachdb"),
    Dialect("redshift", backslash=True, dollar_quotes=True, nested_comments=True, zoned_type="TIMESTAMPTZ"),
    Dialect("sqlite", brackets=True, backticks=True, times="text"),
    Dialect("snowflake", backslash=True, dollar_quotes=True, line_comments=("--", "//"), zoned_type="TIMESTAMP_TZ"),
    _like_mysql("mysql"),
    _like_mysql("mariadb"),
    Dialect(
        "bigquery",
        backslash=True,
        quote_in_text="\\'",
        name_quote="`",
        backslash_in_names=True,
        double_quoted_text=True,
        triple_quotes=True,
        line_comments=("--", "#"),
    ),
    _like_spark("databricks", raw_text=True),
    _like_spark("spark", raw_text=True),
    _like_spark("hive"),
    _like_spark("impala"),
    Dialect(
        "clickhouse",
        backslash=True,
        name_quote="`",
        backslash_in_names=True,
        dollar_quotes=True,
        line_comments=("--", "#!", "# "),
        times="datetime64",
    ),
    Dialect("trino"),
    Dialect("presto"),
    Dialect("awsathena"),
    Dialect("vertica", dollar_quotes=True, zoned_type="TIMESTAMPTZ"),
    Dialect("teradatasql", times="typed"),
    Dialect("oracle", q_quotes=True, booleans=("0", "1")),
    Dialect("mssql", brackets=True, nested_comments=True, booleans=("0", "1"), times="cast"),
)
_BY_NAME = {dialect.name: dialect for dialect in _KNOWN}
_OTHER_NAMES = {
    "postgres": "postgresql",
    "athena": "awsathena",
    "teradata": "teradatasql",
    "tsql": "mssql",
    "sqlserver": "mssql",
}


def dialect_named(name: str) -> Dialect:
    """Return a dialect by name; for an unknown name, standard SQL with unknown rules for backslashes."""
    folded = name.lower()
    return _BY_NAME.get(_OTHER_NAMES.get(folded, folded)) or Dialect(folded, backslash=None)
