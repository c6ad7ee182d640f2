"""Constructs of Snowflake's SQL that sqlglot leaves as they are, or changes, when it translates to DuckDB."""

from sqlglot import exp

_JSON_LIST = "JSON[]"


def adapt_to_duckdb(tree: exp.Expr) -> exp.Expr:
    """Change a parsed query: FLATTEN becomes a subquery, and a text within JSON loses its quotation marks."""
    flattened = set()
    for table in list(tree.find_all(exp.Lateral, exp.TableFromRows)):
        if isinstance(table.this, exp.Explode) and table.alias:
            flattened.add(table.alias.lower())
            _keep_rows_without_items(table)
            table.replace(_flattened(table))
    for cast in list(tree.find_all(exp.Cast)):
        value = cast.this
        if not cast.is_type(*exp.DataType.TEXT_TYPES):
            continue
        if isinstance(value, exp.JSONExtract):
            value.replace(exp.JSONExtractScalar(**value.args))
        elif isinstance(value, exp.Column) and (value.name.lower(), value.table.lower() in flattened) == (
            "value",
            True,
        ):
            root = exp.JSONPath(expressions=[exp.JSONPathRoot()])
            value.replace(exp.JSONExtractScalar(this=value.copy(), expression=root))
    return tree


def _arguments(table: exp.Expr) -> dict[str, exp.Expr]:
    """Return the arguments of FLATTEN by name."""
    given = [table.this.this, *table.this.expressions]
    named = {one.name.lower(): one.expression for one in given if isinstance(one, exp.Kwarg)}
    return named if "input" in named else {**named, "input": given[0]}


def _keep_rows_without_items(table: exp.Expr) -> None:
    """Join FLATTEN by an outer join if it is `outer`."""
    join = table.parent
    is_outer = _arguments(table).get("outer") == exp.true()
    if isinstance(join, exp.Join) and (is_outer or join.side):
        join.set("side", "LEFT")
        join.set("on", join.args.get("on") or exp.true())
        join.set("kind", None)


def _flattened(table: exp.Expr) -> exp.Lateral:
    """Return the rows of FLATTEN with its columns `value` and `index`."""
    source = _arguments(table)["input"]
    items = exp.cast(exp.Anonymous(this="TO_JSON", expressions=[source.copy()]), _JSON_LIST, dialect="duckdb")
    position = exp.Anonymous(this="GENERATE_SUBSCRIPTS", expressions=[exp.column("items"), exp.Literal.number(1)])
    select = exp.select(
        exp.alias_(exp.func("UNNEST", exp.column("items")), "value"), exp.alias_(position - 1, "index")
    ).from_(exp.select(exp.alias_(items, "items")).subquery("flattened"))
    return exp.Lateral(this=select.subquery(), alias=exp.TableAlias(this=exp.to_identifier(table.alias)))
