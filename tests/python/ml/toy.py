"""A model small enough to know by heart: it predicts a number by the mean of its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import polars as pl

from ml.frame.days import Days
from ml.frame.gate import GateRules, Judgement
from ml.frame.model import DAY, Data, Model, Params, Slice, Table, TooLittleDataError

TABLE = "features.sales"
FIRST = date(2025, 1, 1)
DAYS = 60


class Toy(Model[dict[str, float]]):
    """Mean of `amount` by `kind`; the baseline predicts 0 for everything."""

    name = "toy"
    description = "Means by kind."
    trained_as = "means"
    reads = (Table(TABLE, ("source_system", "day", "kind", "amount"), ("day", "kind"), ("kind",)),)
    scores: ClassVar[Mapping[str, Any]] = {
        "source_system": pl.String,
        "day": pl.Date,
        "kind": pl.String,
        "predicted": pl.Float64,
    }
    key = ("day", "kind")
    dated_by = "day"
    label = "amount"
    watched_scores = ("predicted",)
    as_of_sql = f"select max(day) from {TABLE}"
    rules = GateRules(floors={"share_within_1": 0.5}, least_units=10, guarded_units=5)
    baseline_name = "zero"
    bias: float = 0.0

    def baseline(self) -> dict[str, float]:
        return {}

    def slice(self, data: Data) -> Slice:
        rows = data[TABLE]
        if rows.height < 20:
            raise TooLittleDataError(f"{rows.height} rows.", "Wait.")
        last: date = rows["day"].max()  # type: ignore[assignment]
        first = last - timedelta(days=9)
        return Slice({"shop": first}, {"shop": first}, {"shop": last + timedelta(days=1)}, last)

    def tune(self, data: Data, judged: Slice, trials: int) -> Params:
        return {"shrinkage": 0.0}

    def fit(self, data: Data, judged: Slice, params: Params) -> dict[str, float]:
        rows = judged.training(data[TABLE], "day")
        means = rows.group_by("kind").agg(pl.col("amount").mean()).sort("kind")
        return {kind: mean + self.bias for kind, mean in means.iter_rows()}

    def judge(self, fitted: dict[str, float], data: Data, judged: Slice) -> Judgement:
        rows = judged.judged(data[TABLE], "day").join(self.score(fitted, data), on=["day", "kind"])
        error = (pl.col("amount") - pl.col("predicted")).abs()
        losses = rows.select(
            pl.format("{}|{}", "day", "kind").alias("unit"),
            pl.col("kind").alias("segment"),
            error.alias("loss"),
        )
        return Judgement({"share_within_1": float(rows.select((error < 1).mean()).item())}, losses)

    def score(self, fitted: dict[str, float], data: Data, days: Days | None = None) -> pl.DataFrame:
        predicted = pl.col("kind").replace_strict(fitted, default=0.0, return_dtype=pl.Float64)
        return data[TABLE].select("source_system", "day", "kind", predicted.alias("predicted"))

    def watched(self, data: Data) -> pl.DataFrame:
        return data[TABLE].select("source_system", pl.col("day").alias(DAY), "kind", "amount")

    def important(self, fitted: dict[str, float]) -> tuple[str, ...]:
        return ("kind",)

    def save(self, fitted: dict[str, float], folder: Path) -> None:
        (folder / "means.json").write_text(json.dumps(fitted))

    def load(self, folder: Path) -> dict[str, float]:
        found: dict[str, float] = json.loads((folder / "means.json").read_text())
        return found


def write_warehouse(file: Path, days: int = DAYS) -> Path:
    """Amounts of 10 for kind a and 20 for kind b, with a small wave."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema if not exists features")
        connection.execute(
            f"""
            create or replace table {TABLE} as
            select
                'shop' as source_system,
                date '{FIRST}' + cast(day as integer) as day,
                kind,
                case kind when 'a' then 10.0 else 20.0 end + 0.5 * (day % 2) as amount
            from range({days}) as days (day), (values ('a'), ('b')) as kinds (kind)
            """
        )
    return file
