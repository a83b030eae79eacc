"""Probability of a chargeback: gradient boosting on what was known when a payment was settled.

Boosting: Ke et al., LightGBM (2017); calibration by isotonic regression: Zadrozny and Elkan,
Transforming Classifier Scores into Accurate Multiclass Probability Estimates (2002); reasons by
Shapley values of trees: Lundberg et al., From Local Explanations to Global Understanding (2020).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ml.frame.model import Params

if TYPE_CHECKING:
    import lightgbm as lgb

Floats = npt.NDArray[np.float64]

COUNTS = (
    "card_attempts_1h",
    "card_attempts_1d",
    "card_attempts",
    "card_other_accounts",
    "device_attempts_1d",
    "device_attempts",
    "device_other_accounts",
    "email_attempts_1d",
    "email_attempts",
    "email_other_accounts",
    "customer_declines_1d",
    "customer_payments",
    "customer_payments_on_device",
    "linked_chargebacks",
)
LEARNED = (
    "local_hour",
    "reporting_amount",
    "installments",
    "gateway_risk_score",
    "is_international",
    "is_network_abroad",
    "account_age_days",
    *COUNTS,
    "customer_mean_amount",
    "customer_days_since_payment",
    "payment_method_id",
)
"""Columns of payment_features that are learned from; z-score and points are made of them."""

_INPUTS = (
    *(name for name in LEARNED if name != "payment_method_id"),
    "amount_to_mean",
    "is_new_device",
    "z_score",
    "points",
)
MOST_REASONS = 3
_FIXED: Mapping[str, Any] = {
    "objective": "binary",
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 2,
    "bagging_freq": 1,
    "feature_pre_filter": False,
}
DEFAULTS: Params = {
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "lambda_l2": 5.0,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
}
MOST_ROUNDS = 600
_PATIENCE = 40


@dataclass(frozen=True)
class Classifier:
    """Trees and the steps of their calibration; `methods` are the levels of payment_method_id."""

    booster: lgb.Booster
    raw: Floats
    calibrated: Floats
    methods: tuple[str, ...]

    def probability(self, payments: pl.DataFrame) -> Floats:
        """Calibrated probability of a chargeback by row, shape (rows,)."""
        raw = self.booster.predict(matrix(payments, self.methods))
        found: Floats = np.interp(np.asarray(raw), self.raw, self.calibrated)
        return found

    def reasons(self, payments: pl.DataFrame) -> list[str]:
        """What raised the probability of each row most, strongest first, comma separated."""
        if payments.is_empty():
            return []
        rows = matrix(payments, self.methods)
        effects = np.asarray(self.booster.predict(rows, pred_contrib=True))[:, :-1]
        names = np.array(input_names(self.methods))
        strongest = np.argsort(-effects, axis=1, kind="stable")[:, :MOST_REASONS]
        raised = np.take_along_axis(effects, strongest, axis=1) > 0
        return [
            ",".join(names[positions[keep]])
            for positions, keep in zip(strongest, raised, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Writes the trees as LightGBM text and the calibration as JSON."""
        self.booster.save_model(str(folder / "booster.txt"))
        content = {
            "raw": self.raw.tolist(),
            "calibrated": self.calibrated.tolist(),
            "methods": self.methods,
        }
        (folder / "calibration.json").write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        """Reads what `save` wrote."""
        import lightgbm as lgb  # takes seconds

        content = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
        return cls(
            lgb.Booster(model_file=str(folder / "booster.txt")),
            np.array(content["raw"]),
            np.array(content["calibrated"]),
            tuple(content["methods"]),
        )


def fit(training: pl.DataFrame, validation: pl.DataFrame, params: Params, seed: int) -> Classifier:
    """Learns from `training`; `validation`, which is later, stops the trees and calibrates them.

    Both have the columns of LEARNED with z_score, points and is_charged_back.
    """
    from sklearn.isotonic import IsotonicRegression  # takes seconds

    methods = tuple(sorted(training["payment_method_id"].unique().to_list()))
    booster = fit_trees(training, validation, methods, params, seed)
    raw = np.asarray(booster.predict(matrix(validation, methods)))
    steps = IsotonicRegression(out_of_bounds="clip").fit(raw, _labels(validation))
    return Classifier(booster, steps.X_thresholds_, steps.y_thresholds_, methods)


def fit_trees(
    training: pl.DataFrame,
    validation: pl.DataFrame,
    methods: Sequence[str],
    params: Params,
    seed: int,
) -> lgb.Booster:
    """Trees that stop where the average precision on `validation` no longer grows."""
    import lightgbm as lgb  # takes seconds

    learned = lgb.Dataset(matrix(training, methods), _labels(training))
    return lgb.train(
        {**_FIXED, "metric": "average_precision", **params, "seed": seed},
        learned,
        MOST_ROUNDS,
        valid_sets=[lgb.Dataset(matrix(validation, methods), _labels(validation), learned)],
        callbacks=[lgb.early_stopping(_PATIENCE, verbose=False)],
    )


def input_names(methods: Sequence[str]) -> list[str]:
    """Names of the columns of `matrix`."""
    return [*_INPUTS, *(f"method_{method}" for method in methods)]


def matrix(payments: pl.DataFrame, methods: Sequence[str]) -> Floats:
    """Payments as numbers, shape (rows, inputs); NaN where a value is unknown."""
    amount = pl.col("reporting_amount").cast(pl.Float64)
    frame = payments.with_columns(
        amount.alias("reporting_amount"),
        (amount / pl.col("customer_mean_amount")).alias("amount_to_mean"),
        ((pl.col("customer_payments") > 0) & (pl.col("customer_payments_on_device") == 0)).alias(
            "is_new_device"
        ),
    ).select(
        *(pl.col(name).cast(pl.Float64) for name in _INPUTS),
        *(
            (pl.col("payment_method_id") == method).cast(pl.Float64).alias(f"method_{method}")
            for method in methods
        ),
    )
    rows: Floats = frame.fill_null(float("nan")).to_numpy(order="c")
    return rows


def _labels(payments: pl.DataFrame) -> Floats:
    return payments["is_charged_back"].cast(pl.Float64).to_numpy()
