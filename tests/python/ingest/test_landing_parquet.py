"""Parquet: typed columns become canonical text under the contract."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


def parquet(columns: dict[str, pa.Array]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


PEOPLE = {
    "Person ID": pa.array([1, 2], pa.int64()),
    "name": pa.array([{"last": "Lee", "age": 3}, None]),
    "homes": pa.array([[{"since": date(2024, 2, 29), "city": "Ulm"}], None]),
    "is_vip": pa.array([True, None]),
    "score": pa.array([Decimal("12.30"), Decimal("-0.05")], pa.decimal128(18, 2)),
}


@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
def test_columns_become_text_leaves(toy: Any, gzipped: bool) -> None:
    content = parquet(PEOPLE)
    outcome = toy.land("people_2024-01-05.parquet", gzip.compress(content) if gzipped else content)
    assert (outcome.rows, outcome.rejected) == (2, 0)
    first, second = toy.rows("people")
    assert first["_row_number"] == 1
    assert first["person_id"] == "1"
    assert first["name"] == {"first": None, "last": "Lee"}
    assert first["homes"] == [{"city": "Ulm", "since": "2024-02-29"}]
    assert (first["is_vip"], first["score"]) == ("true", "12.30")
    assert (second["name"], second["homes"], second["is_vip"]) == (None, None, None)
    assert second["score"] == "-0.05"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([datetime(2024, 1, 5, 6, 7, 8)], pa.timestamp("s")), "2024-01-05T06:07:08"),
        (
            pa.array([datetime(2024, 1, 5, 0, 0, 0, 120_000)], pa.timestamp("us")),
            "2024-01-05T00:00:00.120000",
        ),
        (pa.array([datetime(2024, 1, 5)], pa.timestamp("us")), "2024-01-05T00:00:00"),
        (
            pa.array([datetime(2024, 1, 5, 6, tzinfo=UTC)], pa.timestamp("ms", "Europe/Berlin")),
            "2024-01-05T06:00:00Z",
        ),
        (pa.array([date(2024, 1, 5)]), "2024-01-05"),
        (pa.array(["as it is"]).dictionary_encode(), "as it is"),
        (pa.array([""]), ""),
        (pa.nulls(1), None),
    ],
    ids=["seconds", "fraction", "microseconds", "zone", "date", "dictionary", "empty text", "null"],
)
def test_times_and_texts(toy: Any, values: pa.Array, expected: str | None) -> None:
    content = parquet({"plan_id": pa.array(["1"]), "happened_at": values})
    assert toy.land("sales_plan_1.parquet", content).status == "landed"
    (row,) = toy.rows("sales_plan")
    assert row["happened_at"] == expected


def test_content_decides_over_the_name(toy: Any) -> None:
    outcome = toy.land("people_2024-01-05.csv", parquet(PEOPLE))
    assert outcome.status == "landed"
    assert "the content is Parquet, whatever the name says" in outcome.notes


def test_json_text_stands_for_a_nested_column(toy: Any) -> None:
    name = pa.array(['{"first": "Ann"}', None])
    toy.land("people_2024-01-05.parquet", parquet({**PEOPLE, "name": name}))
    assert [row["name"] for row in toy.rows("people")] == [{"first": "Ann", "last": None}, None]


def test_long_field_is_rejected_by_ordinal(toy: Any) -> None:
    content = parquet({"plan_id": pa.array(["a", "ä" * 501, "b" * 1000])})
    outcome = toy.land("sales_plan.parquet", content)
    assert (outcome.rows, outcome.rejected) == (2, 1)
    assert toy.rejects() == [(2, "the field plan_id is longer than 1000 bytes")]
    assert [row["_row_number"] for row in toy.rows("sales_plan")] == [1, 3]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"name": PEOPLE["name"]}, "The required column person_id is missing"),
        ({**PEOPLE, "name": pa.array([1, 2])}, "The column name is int64 where the contract has"),
        ({**PEOPLE, "homes": pa.array([1, 2])}, "The column homes is int64 where the contract"),
        ({**PEOPLE, "score": PEOPLE["name"]}, "The column score is struct"),
        ({**PEOPLE, "name": pa.array(["x", "y"])}, "The column name is text that is not JSON"),
        ({**PEOPLE, "score": pa.array([b"\xff", b""])}, "The column score of type binary cannot"),
    ],
)
def test_column_of_another_shape_refuses_the_file(
    toy: Any, columns: dict[str, pa.Array], message: str
) -> None:
    outcome = toy.land("people_2024-01-05.parquet", parquet(columns))
    assert outcome.status == "refused"
    assert outcome.message.startswith(message)
    assert toy.files() == []


def test_damaged_file_is_refused(toy: Any) -> None:
    content = parquet(PEOPLE)
    outcome = toy.land("people_2024-01-05.parquet", content[:-20])
    assert outcome.message.startswith("The Parquet file cannot be read")
    assert toy.files() == []
