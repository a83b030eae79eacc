"""Names and text as DuckDB reads them."""

from __future__ import annotations


def quoted(name: str) -> str:
    """A name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def quoted_table(name: str) -> str:
    """`schema.table` with both names in double quotes."""
    schema, _, table = name.partition(".")
    return f"{quoted(schema)}.{quoted(table)}"


def literal(text: str) -> str:
    """A text in single quotes."""
    return "'" + text.replace("'", "''") + "'"
