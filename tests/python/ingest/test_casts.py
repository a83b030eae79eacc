"""Python and the macros of staging agree on which text is of a type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.casts import cleaned, reads
from ingest.types import Scalar

MACROS = Path(__file__).resolve().parents[3] / "macros"
TYPES = ("integer", "bigint", "decimal(18,2)", "decimal(6,4)", "double", "boolean", "date")
TIMES = ("timestamp", "timestamp of America/Sao_Paulo")


class Returned(Exception):  # noqa: N818 - how dbt's `return` leaves a macro
    def __init__(self, value: Any) -> None:
        self.value = value


def is_read_sql(data_type: str) -> str:
    """SQL that tells of each of the texts $texts whether the macro `typed_value` reads it."""
    name, _, zone = data_type.partition(" of ")
    texts = [(MACROS / file).read_text() for file in ("engine/engine.sql", "contract.sql")]
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])

    def give_back(value: Any) -> None:
        raise Returned(value)

    environment.globals |= {"return": give_back, "modules": SimpleNamespace(re=re)}
    module: Any = environment.from_string("\n".join(texts)).module
    pattern = module.type_pattern

    def type_pattern(data_type: str) -> Any:
        try:
            return pattern(data_type)
        except Returned as returned:
            return returned.value

    environment.globals["type_pattern"] = type_pattern
    written = "\n".join(texts).replace("{% macro type_pattern(", "{% macro type_pattern_of(")
    module = environment.from_string(written).module
    typed = module.typed_value("item", name, zone or "UTC")
    return f"select ({typed}) is not null from (select unnest($texts::varchar[]) as item)"


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def maybe(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just(""), part)


digits = st.text("0123456789", max_size=22)
numbers = joined(
    st.sampled_from(["", "-", "+"]),
    st.sampled_from(["", "0", "0" * 40]),
    st.one_of(
        digits,
        st.sampled_from(
            [str(n) for bits in (31, 63) for n in range((1 << bits) - 1, (1 << bits) + 2)]
        ),
        st.sampled_from(["9" * n for n in (2, 3, 16, 17, 38, 39)]),
    ),
    maybe(joined(st.just("."), digits, st.sampled_from(["", "0" * 45]))),
    maybe(joined(st.sampled_from("eE"), st.sampled_from(["", "-", "+"]), st.just("5"))),
)
two = st.one_of(st.integers(0, 61).map("{:02d}".format), digits.map(lambda d: d[:2]))
days = joined(
    st.sampled_from(["1899", "1900", "2024", "2100", "2199", "2200", "24"]),
    st.just("-"),
    st.one_of(st.integers(0, 13).map("{:02d}".format), st.just("2")),
    st.just("-"),
    st.integers(0, 32).map("{:02d}".format),
)
zeros = st.sampled_from(["00", "24"])
times = joined(
    days,
    maybe(
        joined(
            st.sampled_from([" ", "T", "t"]),
            st.one_of(zeros, two),
            st.just(":"),
            st.one_of(st.just("00"), two),
            maybe(
                joined(
                    st.just(":"),
                    st.one_of(st.just("00"), two),
                    maybe(joined(st.just("."), st.one_of(st.just("000"), digits))),
                )
            ),
            maybe(
                st.one_of(
                    st.sampled_from(["Z", "z", "+00", "-14:59", "+15:00", "+0530", "+05:60", " Z"]),
                    joined(st.sampled_from("+-"), two, st.sampled_from(["", ":"]), two),
                )
            ),
        )
    ),
)
words = st.sampled_from(["true", "True", "TRUE", "tRUE", "t", "F", "no", "1", "nan", "inf", "-1"])
wrapped = joined(
    st.sampled_from(["", " ", "\t\n", "\xa0", "\u2003"]),
    st.one_of(numbers, days, times, words, st.text(max_size=5)),
    st.sampled_from(["", " ", "\r", "\n", "\xa0", "x"]),
)


@pytest.mark.parametrize("data_type", TYPES + TIMES)
def test_python_reads_what_staging_reads(data_type: str, engine: duckdb.DuckDBPyConnection) -> None:
    sql = is_read_sql(data_type)
    is_of_type = reads(Scalar(data_type.partition(" of ")[0]))

    @settings(max_examples=15, deadline=None)
    @given(st.lists(wrapped, min_size=20, max_size=40))
    def agree(texts: list[str]) -> None:
        expected = [found for [found] in engine.execute(sql, {"texts": texts}).fetchall()]
        clean = [cleaned(text) for text in texts]
        assert [text is not None and is_of_type(text) for text in clean] == expected

    agree()


@pytest.mark.parametrize(
    ("data_type", "read", "refused"),
    [
        ("integer", ["2147483647", "-2147483648", "7.00", "+0"], ["2147483648", "1.5", "1e3"]),
        ("bigint", ["9223372036854775807", "0" * 50 + "1"], ["9223372036854775808", "9" * 5000]),
        ("decimal(18,2)", ["1.500", ".5000", "9" * 16 + ".99"], ["1.501", "9" * 17, "1e2", "."]),
        ("double", ["1e400", "-.5"], ["nan", "1e", "0x1"]),
        ("boolean", ["TRUE", "f", "1"], ["yes", "tRUE"]),
        ("date", ["2024-02-29", "2024-01-01T00:00"], ["2023-02-29", "2024-01-01T00:01"]),
        (
            "timestamp",
            ["2024-01-01T24:00:00Z", "2024-01-01 10:00+0530", "2024-01-01T10:00:00.123456789"],
            ["2024-01-01T24:00:01", "2024-01-01T10:00:60", "2024-01-01T10:00+15", "20240101"],
        ),
    ],
)
def test_edges_of_types(
    data_type: str, read: list[str], refused: list[str], engine: duckdb.DuckDBPyConnection
) -> None:
    sql = is_read_sql(data_type)
    is_of_type = reads(Scalar(data_type))
    assert [is_of_type(text) for text in read + refused] == [True] * len(read) + [False] * len(
        refused
    )
    by_sql = engine.execute(sql, {"texts": read + refused}).fetchall()
    assert [found for [found] in by_sql] == [True] * len(read) + [False] * len(refused)
