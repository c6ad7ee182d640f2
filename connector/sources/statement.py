"""Checks that a text is one query, and has no side effects, before a warehouse runs it."""

import re
from collections.abc import Mapping

from connector.core.dialects import Dialect, dialect_named
from connector.core.lexer import Kind, SqlToken, tokenize
from connector.errors import SourceError

_FIRST_WORD = re.compile(r"[\s(]*(?P<word>\w*)")
_QUERY_KEYWORDS = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
_SECOND_STATEMENT = re.compile(r";\s*[^\s;]")
_EXECUTABLE_COMMENT = re.compile(r"/\*M?!")
"""MySQL and MariaDB run the content of such a comment."""

_POSTGRESQL_FUNCTIONS = (
    r"pg_(?:terminate|cancel)_backend", "pg_reload_conf", "pg_rotate_logfile", "pg_promote", r"pg_switch_(?:wal|xlog)",
    "pg_notify", "pg_nextoid", "pg_export_snapshot", "pg_import_system_collations", "pg_extension_config_dump",
    "pg_logical_emit_message", r"pg_log_\w+", r"pg_(?:create|copy|drop|sync)_\w+", r"pg_(?:start_|stop_)?backup\w*",
    r"pg_logical_slot_\w+", r"pg_replication_\w+", r"pg_(?:wal|xlog)_replay_(?:pause|resume)",
    r"pg_stat_(?:\w*reset\w*|clear_snapshot|force_next_flush)", r"pg_stop_making_pinned_objects",
    r"pg_(?:set|clear|restore)_(?:relation|attribute)_stats", r"pg_(?:try_)?advisory_\w+", r"pg_read_\w*file",
    r"pg_ls_\w+", "pg_stat_file", r"pg_file_\w+", "pg_current_logfile", "pg_hba_file_rules", "pg_ident_file_mappings",
    "pg_show_all_file_settings", r"pg_prewarm\w*", r"binary_upgrade_\w+", r"brin_(?:de)?summarize_\w+",
    "gin_clean_pending_list", r"lo_\w+", "loread", "lowrite", "nextval", "setval", "set_config", r"query_to_xml\w*",
    r"cursor_to_xml\w*", "ts_stat", r"dblink\w*",
)  # fmt: skip
"""Functions that act on the server, read its disk, change settings, or run SQL from a text. A read-only transaction
stops few of them."""

_SNOWFLAKE_READS = r"typeof|clustering_\w+|stream_has_data|get_tag\w*|estimate_\w+|explain_\w+"


def _call_pattern(*names: str) -> str:
    return rf"(?<![\w$])(?:{'|'.join(names)})(?![\w$])(?=[\"`\]]?\s*\()"


_POSTGRESQL = (_call_pattern(*_POSTGRESQL_FUNCTIONS), r"\bU&\"")
_MYSQL = (
    r"\bINTO\s+(?:OUTFILE|DUMPFILE)\b",
    _call_pattern("load_file", "get_lock", r"release_\w*locks?", r"sys_(?:exec|eval)"),
)
_SIDE_EFFECTS: Mapping[str, tuple[str, ...]] = {
    "postgresql": _POSTGRESQL,
    "redshift": _POSTGRESQL,
    "cockroachdb": (*_POSTGRESQL, _call_pattern(r"crdb_internal\.\w+")),
    "snowflake": ("->>", r"\bAS\s+PROCEDURE\b", rf"\bsystem\$(?!(?:{_SNOWFLAKE_READS})\b)\w+"),
    "trino": (r"\bsystem\"?\s*\.\s*\"?query\"?\s*\(",),
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "clickhouse": (r"\bINTO\s+OUTFILE\b", _call_pattern("file", "fileCluster", "executable\\w*", "generateSerialID")),
    "mssql": (
        r"\b(?:OPENROWSET|OPENQUERY|OPENDATASOURCE)\b",
        r"\bxp_\w+",
    ),
    "oracle": (
        r"\bWITH\s+(?:FUNCTION|PROCEDURE)\b",
        r"\butl_(?:file|http|tcp|smtp|mail|inaddr)\s*\.\s*\w+",
        r"\bdbms_(?:lock|scheduler|job|pipe|alert|sql|xmlquery|xmlgen|xslprocessor|java|ldap)\s*\.\s*\w+",
    ),
}
"""By dialect: patterns of side effects of statements that begin as a query."""

_INSERTS = r"(?P<word>\bINSERT\s+(?:INTO|OVERWRITE)|\bMERGE\s+INTO)\b"
_INTO = r"\bAS\s+INTO\b|(?<![\w$.])[^\W\d]\w*\s*\.\s*INTO\b|(?P<word>(?<![\w$])INTO(?![\w$]))"
"""Not the name of a column, as which PostgreSQL takes the word behind AS and behind a dot."""
_PIPE = r"\|>\s*(?P<word>EXPORT|CREATE|INSERT|MERGE|UPDATE|DELETE|FORK|TEE)\b"
_TSQL = (
    r"(?P<word>(?<![\w$#@])(?:DELETE|INSERT|UPDATE|MERGE(?!\s+(?:JOIN|UNION)\b)|TRUNCATE|CREATE|ALTER|DROP|GRANT|REVOKE|DENY|INTO|"
    r"COMMIT|EXEC|EXECUTE|SHUTDOWN|KILL|BACKUP|RESTORE|RECONFIGURE)(?![\w$#@]))"
)
"""Words that SQL Server takes for no name. There a statement needs no semicolon before it."""
_WRITING_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("postgresql", "redshift", "cockroachdb", "vertica"), _INTO),
    **dict.fromkeys(("bigquery", "databricks", "spark"), _PIPE),
    "mssql": _TSQL,
}
"""By dialect: a pattern whose group `word` is a keyword that writes, unless it is in quotation marks."""

_WITH = re.compile(r"\bWITH\s+(?:RECURSIVE\s+)?(?=\w)", re.IGNORECASE)
_CTE = re.compile(
    r"\s*[\w$#@]+\s*(?:\([^()]*\)\s*)?\bAS\s*(?:(?:NOT\s+)?MATERIALIZED\s*)?(?P<opener>\()", re.IGNORECASE
)
_STATEMENT_IN_WITH = re.compile(r"[\s(]*(?P<word>INSERT|UPDATE|DELETE|MERGE|REPLACE)\b(?!\s*\()", re.IGNORECASE)
_COMMA = re.compile(r"\s*,")


class NotOneSelect(SourceError):
    """The query is not one SELECT statement that only reads. `offset` is where in its SQL, if that is known."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        self.offset = offset
        super().__init__(message)


def single_select_error(sql: str = "", dialect: str = "duckdb") -> NotOneSelect:
    """Build the error for anything but one SELECT statement, with the word by which a query shows that it is not."""
    message = "The query has to be one SELECT statement and nothing else"
    code = masked(sql, dialect_named(dialect))
    if second := _SECOND_STATEMENT.search(code):
        return NotOneSelect(f"{message}: delete the semicolon and what comes after it.", second.start())
    first = _FIRST_WORD.match(code)
    if first and first["word"] and not _begins_query(first["word"], code, dialect):
        return NotOneSelect(f'{message}; it begins with "{first["word"]}".', first.start("word"))
    return NotOneSelect(f"{message}.")


def check_read_only(sql: str, dialect: str) -> None:
    """Check the words of a query, comments and quoted text aside. Raises SourceError.

    This adds to what the session forbids, such as a read-only transaction.
    """
    rules = dialect_named(dialect)
    code = masked(sql, rules)
    first_word = _FIRST_WORD.match(code)
    if first_word is None or not _begins_query(first_word["word"], code, dialect) or _SECOND_STATEMENT.search(code):
        raise single_select_error(sql, dialect)
    for pattern in _SIDE_EFFECTS.get(rules.name, ()):
        if match := re.search(pattern, code, re.IGNORECASE):
            raise _side_effect(match[0], match.start())
    if rules.backslash is not None or "\\" not in sql:
        _check_words(_without_names(sql, rules), rules.name)
    if dialect in {"mysql", "mariadb"} and any(_EXECUTABLE_COMMENT.match(part.text) for part in tokenize(sql, rules)):
        raise NotOneSelect('The query contains "/*!", a comment that is run as SQL. Write the SQL itself.')


def _begins_query(word: str, code: str, dialect: str) -> bool:
    """Return whether a query begins with the word; with FROM, in dialects that have pipes."""
    is_piped = dialect == "bigquery" or (dialect in {"databricks", "spark"} and "|>" in code)
    return word.upper() in _QUERY_KEYWORDS or (is_piped and word.upper() == "FROM")


def _check_words(code: str, dialect: str) -> None:
    """Raise NotOneSelect for a keyword that writes."""
    for pattern in (_INSERTS, _WRITING_WORDS.get(dialect)):
        for match in re.finditer(pattern, code, re.IGNORECASE) if pattern else ():
            if match["word"]:
                raise _side_effect(match["word"], match.start("word"))
    if found := _statement_in_with(code):
        raise _side_effect(found["word"], found.start("word"))


def _side_effect(words: str, offset: int) -> NotOneSelect:
    return NotOneSelect(
        f'The query contains "{" ".join(words.split())}", which does more than read. Remove it.', offset
    )


def _statement_in_with(code: str) -> re.Match[str] | None:
    """Return the first word of a statement that writes, within a WITH clause or behind it."""
    closers = _closing_brackets(code)
    for start in _WITH.finditer(code):
        position = start.end()
        while table := _CTE.match(code, position):
            end = closers.get(table.start("opener"), len(code)) + 1
            if found := _STATEMENT_IN_WITH.match(code, table.end()) or _STATEMENT_IN_WITH.match(code, end):
                return found
            comma = _COMMA.match(code, end)
            if comma is None:
                break
            position = comma.end()
    return None


def _closing_brackets(code: str) -> dict[int, int]:
    """Return the place of the closing bracket of each opening one."""
    closers: dict[int, int] = {}
    openers: list[int] = []
    for match in re.finditer(r"[()]", code):
        if match[0] == "(":
            openers.append(match.start())
        elif openers:
            closers[openers.pop()] = match.start()
    return closers


def _without_names(sql: str, dialect: Dialect) -> str:
    """Return SQL of the same length with blanks for comments and quoted text, and other letters for quoted names."""
    return "".join(
        f" {'x' * (len(piece.text) - 2)} " if piece.kind is Kind.QUOTED_NAME else _masked(piece, dialect)
        for piece in tokenize(sql, dialect)
    )


def masked(sql: str, dialect: Dialect) -> str:
    """Return SQL of the same length with blanks for comments and for what is in quotation marks.

    Quoted names of one word stay, with another sign for a semicolon.
    """
    return "".join(_masked(piece, dialect) for piece in tokenize(sql, dialect))


def _masked(piece: SqlToken, dialect: Dialect) -> str:
    if piece.kind is Kind.CODE:
        return piece.text
    if piece.kind is Kind.QUOTED_NAME and not re.search(r"\s", piece.text):
        return piece.text.replace(";", "?") if piece.text[0] in dialect.name_openers else piece.text
    blank = re.sub(r"[^\n]", " ", piece.text)
    if piece.kind in {Kind.QUOTED_TEXT, Kind.QUOTED_NAME} and len(blank) > 1:
        return f"'{blank[1:-1]}'"
    return blank
