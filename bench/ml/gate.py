"""Whether the gate refuses what must not serve, and whether a rollback is one command.

Candidates are made of the demand model on a copy of the demo, and go the way of every version:
`train_model` of orchestration/lib reads, trains, judges, registers and records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import duckdb
import polars as pl

from bench.ml.homes import copied, storehouse
from bench.report import Cell, Goal, Part, Table
from ingest.home import Home
from ml.demand.model import DEMAND, DemandForecast, Forecasters
from ml.errors import ModelError
from ml.frame import audit
from ml.frame.days import Days
from ml.frame.model import Data, Model, Params, Slice
from ml.frame.registry import Registry
from orchestration.lib.model_runs import promote_version, train_model

CANDIDATES = 3
_MODEL = "model.storehouse.product_demand_daily"


class Worse(DemandForecast):
    """Forecasts twice what the model forecasts."""

    def fit(self, data: Data, judged: Slice, params: Params) -> Forecasters:
        """A real fit, doubled."""
        fitted = super().fit(data, judged, params)
        doubled = {source: 2 * share for source, share in fitted.settled_shares.items()}
        return replace(fitted, settled_shares=doubled)


class WrongSchema(DemandForecast):
    """Its scores lack a quantile that the contract promises."""

    def score(self, fitted: Forecasters, data: Data, days: Days | None = None) -> pl.DataFrame:
        """Scores without P90."""
        return super().score(fitted, data, days).drop("p90_units")


def run(demo: Home) -> Part:
    """What became of each candidate, and of a rollback."""
    with copied(demo) as home:
        rows = [_offered(home, "worse", Worse()), _offered(home, "wrong schema", WrongSchema())]
        rows.append(_rolled_back(home))
    with copied(demo) as home:
        plant_leak(home)
        rows.insert(1, _offered(home, "leaking", DemandForecast()))
    refused = sum(row["verdict"] == "refused" and row["record"] == "yes" for row in rows)
    works = rows[-1]["verdict"] == "restored" and rows[-1]["record"] == "yes"
    note = f"Of {CANDIDATES} candidates refused, with a record: {refused}. The goal asks for both."
    return Part(
        [Table("Gate: candidates on the demo, and a rollback", rows, note)],
        [Goal("gate", refused if works else 0, CANDIDATES, is_floor=True)],
    )


def plant_leak(home: Home) -> None:
    """Makes the feature table, and the SQL it was built by, tell the units of a week later."""
    file = home.logs / "dbt" / "build" / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    node = manifest["nodes"][_MODEL]
    node["compiled_code"] = (
        "select * replace (coalesce(lead(reported_units, 7) over ("
        "partition by source_system, product_id order by business_date), reported_units) "
        f"as reported_units) from ({node['compiled_code']}) as honest"
    )
    file.write_text(json.dumps(manifest), encoding="utf-8")
    with duckdb.connect(str(home.warehouse_file)) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create or replace table {DEMAND} as {node['compiled_code']}")


def _offered(home: Home, name: str, model: Model[Forecasters]) -> Mapping[str, Cell]:
    """Trains a candidate by force; whether it serves, why not, and what the record says."""
    before = Registry(home.models).champion(model.name)
    try:
        trained = train_model(home, model, force=True, trials=0)
        number, reason = trained.version, trained.reason
    except ModelError as error:
        number, reason = None, str(error)
    serves = Registry(home.models).champion(model.name) != before
    record = last_record(home, model.name)
    is_told = record["action"] == audit.TRAINED and record["version"] == number
    return {
        "case": name,
        "verdict": "serves" if serves else "refused",
        "record": "yes" if is_told and record["passed"] is serves else "no",
        "reason": reason[:90],
    }


def _rolled_back(home: Home) -> Mapping[str, Cell]:
    """Lets the first candidate serve by force and takes it back with one command."""
    name = DemandForecast.name
    registry = Registry(home.models)
    before = registry.champion(name)
    worse = next(v.number for v in registry.versions(name) if v.tags["gate"] == "refused")
    promote_version(home, name, worse, force=True)
    command = ("models", "rollback", name)
    storehouse(home, *command)
    record = last_record(home, name)
    is_told = record["action"] == audit.ROLLED_BACK and record["version"] == worse
    restored = Registry(home.models).champion(name) == before
    return {
        "case": "rollback",
        "verdict": "restored" if restored else "not restored",
        "record": "yes" if is_told else "no",
        "reason": f"storehouse {' '.join(command)}",
    }


def last_record(home: Home, model: str) -> dict[str, str | int | bool | date | None]:
    """The latest decision about a model; raises IndexError where there is none."""
    records = pl.read_parquet(home.models / audit.FOLDER / "*.parquet")
    found = records.filter(pl.col("model") == model).sort("decided_at")
    row: dict[str, str | int | bool | date | None] = found.row(-1, named=True)
    return row
