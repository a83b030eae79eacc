"""Refuses SQL that only DuckDB reads, in what models and macros outside macros/engine write.

A model is rendered by its own macros and the contracts of its sources; only the macros of
macros/engine are replaced, by a neutral call that keeps their arguments. What is left must parse,
and neither its syntax tree nor its calls may be on the list. Transpiling would be no check: sqlglot
transpiles all of this without a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import sqlglot
import yaml
from sqlglot import exp

_CALLS = """
    arg_max arg_min columns date_diff date_sub epoch epoch_ms generate_series getvariable hash
    isodow isoyear json_extract json_extract_string list_aggregate list_contains list_distinct
    list_filter list_sort list_transform list_value md5_number query query_table read_csv
    read_csv_auto read_json read_json_auto read_parquet read_text regexp_matches strftime
    strip_accents strptime struct_pack try_strptime unnest
"""
REFUSED_CALLS = frozenset(_CALLS.split())
REFUSED_WORDS = frozenset({"asof", "hugeint", "pivot", "positional", "qualify", "unpivot"})

_MACRO = re.compile(r"{%-?\s*macro\s+(\w+).*?{%-?\s*endmacro\s*-?%}", re.DOTALL)
_SELECT_MACRO = re.compile(r"{%-?\s*macro\b.*?%}\s*select\b", re.DOTALL)
_COMMENT = re.compile(r"{#.*?#}", re.DOTALL)
_BLOCK = re.compile(r"{%.*?%}", re.DOTALL)
_EXPRESSION = re.compile(r"{{.*?}}", re.DOTALL)


def refused_in_text(text: str) -> list[str]:
    """What is refused in SQL as it is written, Jinja cut out: every branch, called or not."""
    without_jinja = _EXPRESSION.sub(" jinja ", _BLOCK.sub(" ", _COMMENT.sub(" ", text)))
    return sorted(set(_refused_tokens(without_jinja)))


def refused_in_sql(sql: str) -> list[str]:
    """What is refused in rendered SQL; raises sqlglot's ParseError where it does not parse."""
    statements = [tree for tree in sqlglot.parse(sql, dialect="duckdb") if tree is not None]
    found = set(_refused_tokens(sql))
    for tree in statements:
        for node in tree.walk():
            found.update(_refused_syntax(node))
    return sorted(found)


def joins_in(sql: str) -> int:
    """The number of joins of rendered SQL."""
    return sum(
        len(list(tree.find_all(exp.Join)))
        for tree in sqlglot.parse(sql, dialect="duckdb")
        if tree is not None
    )


def _refused_tokens(sql: str) -> Iterator[str]:
    tokens = sqlglot.tokenize(sql, dialect="duckdb")
    texts = [token.text.lower() for token in tokens]
    for token, text, following in zip(tokens, texts, [*texts[1:], ""], strict=True):
        if token.token_type == sqlglot.TokenType.STRING:
            continue
        if text in REFUSED_WORDS:
            yield text
        if following == "(" and text in REFUSED_CALLS:
            yield f"{text}()"


def _refused_syntax(node: exp.Expr) -> Iterator[str]:
    match node:
        case exp.Qualify():
            yield "qualify"
        case exp.Pivot():
            yield "pivot"
        case exp.Join() if node.method:
            yield f"{node.method.lower()} join"
        case exp.Columns():
            yield "columns()"
        case exp.SetOperation() if node.args.get("by_name"):
            yield "union by name"
        case exp.Comprehension():
            yield "list comprehension"
        case exp.DataType() if node.this in (exp.DataType.Type.INT128, exp.DataType.Type.UINT128):
            yield "hugeint"
        case exp.Star() if node.args.get("except_") or node.args.get("replace"):
            yield "* exclude or replace"
        case exp.AggFunc() if isinstance(node.this, exp.Order):
            yield "ordered aggregate"
        case exp.Distinct() if node.args.get("on"):
            yield "distinct on"
        case exp.Bracket() if any(not index.is_string for index in node.expressions):
            yield "list subscript"  # counts from 1 in DuckDB, from 0 in Spark
        case exp.Struct():
            yield "struct literal"
        case exp.IntDiv():
            yield "//"
        case exp.Table() if re.search(r"\.(parquet|csv|json)\b", node.name):
            yield "file as a table"


class Renderer:
    """Renders models without dbt: their macros are real, those of macros/engine only on request."""

    def __init__(
        self,
        project: Path,
        manifest: Mapping[str, Any],
        variables: Mapping[str, Any],
        *,
        with_engine: bool = False,
        is_incremental: bool = False,
    ):
        self._manifest = manifest
        self._is_incremental = is_incremental
        self._variables = variables
        self._environment = jinja2.Environment(
            extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined
        )
        self._environment.globals.update(self._dbt())
        for file in sorted((project / "macros").rglob("*.sql")):
            is_neutral = project / "macros" / "engine" in file.parents and not with_engine
            for found in _MACRO.finditer(file.read_text(encoding="utf-8")):
                name, text = found[1], found[0]
                is_select = _SELECT_MACRO.match(text) is not None
                self._environment.globals[name] = (
                    _neutral(name, is_select) if is_neutral else self._real(name, text)
                )

    def render(self, text: str) -> str:
        """The SQL of a model, with calls of `engine_<name>` in place of the engine's macros."""
        return self._environment.from_string(text).render()

    def _real(self, name: str, text: str) -> Callable[..., Any]:
        # A template of its own, made when all macros are known: macros of one template would find
        # each other without this wrapper.
        module = cache(lambda: self._environment.from_string(text).module)

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return getattr(module(), name)(*args, **kwargs)
            except _Returned as returned:
                return returned.value

        return call

    def _dbt(self) -> dict[str, Any]:
        def relation(*names: str) -> SimpleNamespace:
            return _Relation(schema=names[0], identifier=names[-1])

        def variable(name: str, *fallback: Any) -> Any:
            return self._variables.get(name, *fallback) if fallback else self._variables[name]

        def give_back(value: Any) -> None:
            raise _Returned(value)

        def refuse(message: str) -> None:
            raise ValueError(message)

        return {
            "ref": relation,
            "source": relation,
            "config": lambda **settings: "",
            "is_incremental": lambda: self._is_incremental,
            "this": "this_table",
            "var": variable,
            "return": give_back,
            "execute": True,
            "graph": {"sources": self._manifest["sources"]},
            "modules": {"re": re},
            "exceptions": {"raise_compiler_error": refuse},
            "target": {"name": "duckdb", "schema": "main"},
        }


def project_renderer(
    manifest: Mapping[str, Any],
    *,
    with_engine: bool = False,
    is_incremental: bool = False,
    **variables: Any,
) -> Renderer:
    """A renderer with the variables of the project, or others of these names.

    An incremental model reads `this_table` where `is_incremental` is set.
    """
    project = Path(__file__).resolve().parents[2]
    declared = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    return Renderer(
        project,
        manifest,
        declared | variables,
        with_engine=with_engine,
        is_incremental=is_incremental,
    )


class _Relation(SimpleNamespace):
    def __str__(self) -> str:
        return str(self.identifier)


class _Returned(Exception):  # noqa: N818 - how a macro returns, no error
    def __init__(self, value: Any) -> None:
        self.value = value


def _neutral(name: str, is_select: bool) -> Callable[..., str]:
    """A call that keeps the SQL among the arguments, so that it is judged too."""

    def call(*args: Any, **kwargs: Any) -> str:
        if name == "all_columns_except":
            return "*"
        values: list[Any] = []
        for argument in (*args, *kwargs.values()):
            values += argument.values() if isinstance(argument, dict) else [argument]
        texts = [str(value) for value in values if not isinstance(value, list)]
        neutral = f"engine_{name}({', '.join(_as_sql(text) for text in texts)})"
        return f"select {neutral} as date_day" if is_select else neutral

    return call


def _as_sql(text: str) -> str:
    """The text where it is SQL; a literal where it is something else, such as a pattern."""
    try:
        sqlglot.parse_one(f"select {text}", dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return "'" + text.replace("'", "''") + "'"
    return text
