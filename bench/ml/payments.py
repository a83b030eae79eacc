"""The classifier of payments against z-scores, rules and an isolation forest, on later payments.

The latest version, which learned from earlier days, ranks the latest 56 days whose
chargebacks have had time to come in: by chargebacks, and by what the simulator planted (frauds,
without the chargebacks of honest customers, which nothing tells beforehand).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import polars as pl

from bench.ml.ranking import judged
from bench.report import Cell, Goal, Part, Table
from ingest.home import Home
from ml.arrays import Floats
from ml.frame.model import Data, Slice
from ml.frame.reading import read_data
from ml.frame.registry import Registry
from ml.payment_anomaly import PaymentAnomaly
from ml.payment_anomaly.classifier import input_names, matrix
from ml.payment_anomaly.judging import ALERTS
from ml.payment_anomaly.model import PAYMENTS, Fitted

OURS = "classifier"
FRIENDLY = "friendly"
_FAR = 3.5
_KEY = ("source_system", "payment_id")
_SEED = 1


def run(home: Home) -> Part:
    """Two tables, one for each kind of label, and the goal on chargebacks."""
    model = PaymentAnomaly()
    data = read_data(home.warehouse_file, model.reads)
    slice_ = model.slice(data)
    fitted, origin = _trained(home, model, data, slice_)
    scored = model.score(fitted, data)
    columns = (*_KEY, "is_captured", "is_charged_back", "amount")
    rows = slice_.judged(
        scored.join(data[PAYMENTS].select(columns), on=_KEY).filter("is_captured"), "payment_date"
    ).sort(_KEY)
    forest, seconds = _isolation_forest(data, slice_, rows)
    rankings = {
        OURS: rows["review_score"].to_numpy(),
        "z-score alone": rows["z_score"].abs().to_numpy(),
        "rules alone": rows["points"].cast(pl.Float64).to_numpy(),
        "isolation forest": -forest,
    }
    alerts = {
        OURS: rows["risk_level"].is_in(ALERTS).to_numpy(),
        "z-score alone": (rows["z_score"].abs() > _FAR).fill_null(False).to_numpy(),
        "rules alone": rows["rule_level"].is_in(ALERTS).to_numpy(),
        "isolation forest": forest < 0,
    }
    labels = {
        "chargebacks": rows["is_charged_back"].cast(pl.Float64).to_numpy(),
        "planted fraud": _planted(home, rows),
    }
    amounts = rows["amount"].cast(pl.Float64).to_numpy()
    first, before = min(slice_.judged_from.values()), max(slice_.judged_before.values())
    span = f"from {first} to before {before}"
    tables = []
    for name, own in labels.items():
        found: list[Mapping[str, Cell]] = [
            {
                "ranking": ranking,
                **judged(scores, own, amounts),
                "alert rate": float(alerts[ranking].mean()),
            }
            for ranking, scores in rankings.items()
        ]
        title = f"Payments by {name}: {rows.height:,} captured {span}, {own.mean():.2%} of them bad"
        note = f"The classifier {origin}. Isolation forest: {seconds:.0f} s to fit."
        tables.append(Table(title, found, note))
    by_ranking = {str(row["ranking"]): row["PR-AUC"] for row in tables[0].rows}
    return Part(tables, [Goal("fraud_vs_rules", lead(by_ranking), 1.0, is_floor=True)])


def _trained(home: Home, model: PaymentAnomaly, data: Data, slice_: Slice) -> tuple[Fitted, str]:
    """The latest version and what the gate said; trained here where the run left none."""
    registry = Registry(home.models)
    versions = registry.versions(model.name)
    if not versions:
        params = model.tune(data, slice_, 0)
        return model.fit(data, slice_, params), "has no version: trained here, not tuned"
    latest = versions[-1]
    gate = "serves" if latest.is_champion else "was refused by the gate"
    fitted = model.load(registry.artefacts(model.name, latest.number))
    return fitted, f"is v{latest.number} and {gate}"


def lead(pr_auc: Mapping[str, Cell]) -> float:
    """The PR-AUC of ours over the best of the others: above 1 we are better."""
    own = {name: float(value) for name, value in pr_auc.items() if value is not None}
    return own.pop(OURS) / max(own.values())


def _planted(home: Home, rows: pl.DataFrame) -> Floats:
    """1 for payments that the simulator made as fraud, 0 else."""
    truth = pl.read_parquet(home.truth / "fraud.parquet").filter(pl.col("kind") != FRIENDLY)
    is_fraud = rows["payment_id"].is_in(truth["payment_id"].implode())
    found: Floats = is_fraud.cast(pl.Float64).to_numpy()
    return found


def _isolation_forest(data: Data, slice_: Slice, rows: pl.DataFrame) -> tuple[Floats, float]:
    """Its decision for each row, below 0 where it alarms, and the seconds it took to fit.

    It learns from all captured payments before the judged ones, without labels, on the inputs of
    the classifier; an unknown number is the median, as the forest knows none.
    """
    from sklearn.ensemble import IsolationForest  # takes seconds

    captured = data[PAYMENTS].filter("is_captured")
    scores = pl.DataFrame(PaymentAnomaly().score(PaymentAnomaly().baseline(), data))
    rated = captured.join(scores.select(*_KEY, "z_score", "points"), on=_KEY)
    training = slice_.training(rated, "payment_date")
    inputs = input_names(training)
    learned = matrix(training, inputs)
    judged_rows = matrix(rated.join(rows.select(_KEY), on=_KEY, how="semi").sort(_KEY), inputs)
    median = np.nan_to_num(np.nanmedian(learned, axis=0))
    began = time.perf_counter()
    forest = IsolationForest(random_state=_SEED, n_jobs=1).fit(
        np.where(np.isnan(learned), median, learned)
    )
    seconds = time.perf_counter() - began
    decision: Floats = forest.decision_function(
        np.where(np.isnan(judged_rows), median, judged_rows)
    )
    return decision, seconds
