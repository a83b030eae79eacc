"""Imputation of tables: what may be completed, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from ml.errors import ModelError
from ml.frame.model import Data
from ml.frame.scores import read_scores
from ml.imputation.attributes import SUBJECTS, Subject, inputs_of
from ml.imputation.report import REPORT
from ml.imputation.run import impute, impute_attributes
from ml.imputation.tables import IMPUTED, TABLES, TRIED
from orchestration.lib.trace.lineage import Lineage

PRODUCT, CUSTOMER = SUBJECTS
SUBJECT = Subject(
    "thing", "features.things", "thing_id", ("weight_g",), ("price_amount",), ("kind",)
)


def things(count: int = 300, seed: int = 1) -> pl.DataFrame:
    """Two sources with the same keys: one lacks every fifth weight, the other all of them."""
    rng = np.random.default_rng(seed)
    price = np.round(rng.uniform(1, 100, count), 2)
    weight = np.rint(np.expm1(1 + 1.2 * np.log1p(price) + rng.normal(0, 0.1, count))).astype(int)
    shop = pl.DataFrame(
        {
            "source_system": "shop",
            "thing_id": [f"T{i:04d}" for i in range(count)],
            "weight_g": pl.Series(weight, dtype=pl.Int32),
            "price_amount": pl.Series(price).cast(pl.Decimal(18, 2)),
            "kind": ["Unknown", "toys", "books"] * (count // 3),
        }
    ).with_columns(
        pl.when(pl.int_range(pl.len()) % 5 > 0).then("weight_g").alias("weight_g"),
    )
    other = shop.with_columns(
        pl.lit("olist").alias("source_system"), pl.lit(None, pl.Int32).alias("weight_g")
    )
    return pl.concat([shop, other]).sort("source_system", "thing_id")


def data(frame: pl.DataFrame, subject: Subject = SUBJECT) -> Data:
    return Data({subject.table: frame}, "hash", datetime(2026, 1, 1))


def test_missing_cells_and_no_others_are_completed() -> None:
    frame = things()
    imputed, tried = impute(data(frame), [SUBJECT])
    lacking = frame.filter((pl.col("source_system") == "shop") & pl.col("weight_g").is_null())
    assert imputed["subject_id"].to_list() == lacking["thing_id"].to_list()
    assert set(imputed["source_system"]) == {"shop"}
    assert imputed["served_by"].unique().to_list() == ["ridge_chained"]
    assert tried.filter("is_chosen").height == 1
    assert tried.filter(source_system="olist").select("method", "reason").rows() == [
        ("none", "never_told")
    ]
    price = lacking["price_amount"].cast(pl.Float64).to_numpy()
    expected = np.expm1(1 + 1.2 * np.log1p(price))
    off = np.abs(np.log(imputed["imputed_value"].to_numpy() / expected))
    assert np.median(off) < 0.05


def test_the_same_table_gives_the_same_values() -> None:
    first, second = impute(data(things()), [SUBJECT]), impute(data(things()), [SUBJECT])
    assert first[0].equals(second[0])
    assert first[1].equals(second[1])


def test_empty_tables_give_empty_scores() -> None:
    imputed, tried = impute(data(things().clear()), [SUBJECT])
    assert (imputed.height, tried.height) == (0, 0)
    for found, table in ((imputed, IMPUTED), (tried, TRIED)):
        assert set(found.columns) == {*table.columns, "served_by"}


@pytest.mark.parametrize(
    "name",
    [
        "product_id",
        "customer_key",
        "email_hash",
        "list_price",
        "cost_amount",
        "net_revenue",
        "is_charged_back",
        "has_consent",
        "order_date",
        "paid_at",
        "label_purchase",
    ],
)
def test_keys_labels_money_times_and_flags_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match=f"{name} of"):
        replace(SUBJECT, attributes=(name,))


@pytest.mark.parametrize("kind", [pl.Decimal(18, 2), pl.String, pl.Boolean, pl.Float64])
def test_only_whole_numbers_are_completed_whatever_their_name(kind: Any) -> None:
    values = pl.lit(None, kind).alias("weight_g")
    with pytest.raises(ModelError, match="no whole number"):
        inputs_of(SUBJECT, things().with_columns(values))


def test_scores_and_report_are_written(tmp_path: Path) -> None:
    """The tables as dbt makes them, read from a file; a second run replaces the first."""
    file = tmp_path / "warehouse.duckdb"
    frame = things()  # noqa: F841 - DuckDB reads it by name
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema features")
        connection.execute("create table features.things as from frame")
    for _ in range(2):
        report = impute_attributes(file, tmp_path / "scores", [SUBJECT])
    assert report.rows == read_scores(tmp_path / "scores" / IMPUTED.name).height == 60
    assert report.methods == {"shop.thing.weight_g": "ridge_chained"}
    page = (tmp_path / "scores" / TRIED.name / REPORT).read_text(encoding="utf-8")
    assert "shop: weight_g of a thing" in page
    assert '<tr class="chosen"><td>ridge_chained</td>' in page
    assert "The source never tells it" in page


def test_the_completed_tables_hold_the_attributes(manifest: Mapping[str, Any]) -> None:
    nodes = {node["name"]: node for node in manifest["nodes"].values()}
    for subject in SUBJECTS:
        features = nodes[subject.table.partition(".")[2]]
        columns = nodes[f"{subject.name}_attributes_completed"]["columns"]
        completed = {name for name in columns if f"{name}_completed" in columns}
        assert completed == set(subject.attributes)
        for name in subject.attributes:
            assert features["columns"][name]["data_type"] == "integer"
        assert set(subject.reads.columns) <= set(features["columns"])


def test_no_total_rests_on_an_imputed_value(manifest: Mapping[str, Any]) -> None:
    """What is built on the imputation tells of attributes only: no mart, no other model's input."""
    lineage = Lineage(manifest)
    scores = [
        key
        for key, source in manifest["sources"].items()
        if source["source_name"] == "scores" and source["name"] in {each.name for each in TABLES}
    ]
    assert len(scores) == len(TABLES)
    names = {
        manifest["nodes"][key]["name"]
        for key in lineage.descendants(scores)
        if manifest["nodes"].get(key, {}).get("resource_type") == "model"
    }
    assert names == {
        "product_attributes_completed",
        "customer_attributes_completed",
        "imputation_methods",
    }
