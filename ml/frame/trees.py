"""Gradient boosted trees for a yes or no, with calibrated probabilities and reasons.

Boosting: Ke et al., LightGBM (2017); calibration by isotonic regression: Zadrozny and Elkan,
Transforming Classifier Scores into Accurate Multiclass Probability Estimates (2002), or by a
sigmoid: Platt, Probabilistic Outputs for Support Vector Machines (1999); reasons by Shapley values
of trees: Lundberg et al., From Local Explanations to Global Understanding (2020).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.arrays import Floats
from ml.frame.model import Params
from ml.frame.tuning import minimise

if TYPE_CHECKING:
    import lightgbm as lgb

Rows = tuple[Floats, Floats]
"""Inputs, shape (rows, inputs), NaN where unknown, and labels 0 or 1, shape (rows,)."""

Curve = tuple[Floats, Floats]
"""Scores, rising, and the probability that goes with each; straight lines between them."""

MOST_REASONS = 3
MOST_ROUNDS = 600
_PATIENCE = 40
_SIGMOID_POINTS = 201
_HIGHER_IS_BETTER = ("average_precision", "auc")
_FIXED: Mapping[str, Any] = {
    "objective": "binary",
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # rows are few; two threads wait for each other on a busy machine
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
SPACE: Mapping[str, tuple[float, float]] = {
    "learning_rate": (0.02, 0.15),
    "num_leaves": (4, 48),
    "min_data_in_leaf": (10, 200),
    "lambda_l2": (0.1, 30.0),
    "feature_fraction": (0.5, 1.0),
    "bagging_fraction": (0.6, 1.0),
}
"""Where parameters are searched."""


@dataclass(frozen=True)
class CalibratedTrees:
    """Trees over named inputs, and the curve that turns their output into probabilities."""

    booster: lgb.Booster
    inputs: tuple[str, ...]
    raw: Floats
    calibrated: Floats

    def probability(self, rows: Floats) -> Floats:
        """Calibrated probability by row, shape (rows,)."""
        return self.calibrate(self.score(rows))

    def calibrate(self, scores: Floats) -> Floats:
        """The probability that goes with each of `scores`, of the same shape."""
        found: Floats = np.interp(scores, self.raw, self.calibrated)
        return found

    def score(self, rows: Floats) -> Floats:
        """What the trees say by row, shape (rows,), between 0 and 1: finer than the calibrated
        probability, which is equal for many rows, and in its order."""
        found = np.asarray(self.booster.predict(rows)) if len(rows) else np.zeros(0)
        return found

    def reasons(self, rows: Floats) -> list[str]:
        """What raised the probability of each row most, strongest first, comma separated."""
        if not len(rows):
            return []
        effects = np.asarray(self.booster.predict(rows, pred_contrib=True))[:, :-1]
        names = np.array(self.inputs)
        strongest = np.argsort(-effects, axis=1, kind="stable")[:, :MOST_REASONS]
        raised = np.take_along_axis(effects, strongest, axis=1) > 0
        return [
            ",".join(names[positions[keep]])
            for positions, keep in zip(strongest, raised, strict=True)
        ]

    def strongest(self, share: float = 0.8) -> tuple[str, ...]:
        """The inputs that make up `share` of what all splits gained, strongest first."""
        gains = np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)
        order = np.argsort(-gains, kind="stable")
        before = np.cumsum(gains[order]) - gains[order]
        is_needed = (before < share * gains.sum()) & (gains[order] > 0)
        return tuple(self.inputs[position] for position in order[is_needed])

    def save(self, folder: Path) -> None:
        """Writes the trees as LightGBM text and the calibration as JSON."""
        self.booster.save_model(str(folder / "booster.txt"))
        content = {
            "inputs": self.inputs,
            "raw": self.raw.tolist(),
            "calibrated": self.calibrated.tolist(),
        }
        (folder / "calibration.json").write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> CalibratedTrees:
        """Reads what `save` wrote."""
        import lightgbm as lgb  # takes seconds

        content = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
        return cls(
            lgb.Booster(model_file=str(folder / "booster.txt")),
            tuple(content["inputs"]),
            np.array(content["raw"]),
            np.array(content["calibrated"]),
        )


def isotonic(scores: Floats, labels: Floats) -> Curve:
    """Steps that never fall, of scores and labels (rows,): for many rows; the ends rest on few."""
    from sklearn.isotonic import IsotonicRegression  # takes seconds

    steps = IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    return steps.X_thresholds_, steps.y_thresholds_


def sigmoid(scores: Floats, labels: Floats) -> Curve:
    """A line of log odds, flat where it would fall, of scores and labels (rows,): for few rows."""
    from scipy.special import expit, logit
    from sklearn.linear_model import LogisticRegression  # takes seconds

    raw = np.linspace(0.0, 1.0, _SIGMOID_POINTS)[1:-1]
    rate = float(labels.mean())
    if 0 < rate < 1:
        odds = logit(np.clip(scores, raw[0], raw[-1]))[:, None]
        line = LogisticRegression(C=np.inf).fit(odds, labels)
        slope, level = float(line.coef_[0, 0]), float(line.intercept_[0])
        if slope > 0:
            return raw, expit(slope * logit(raw) + level)
    return raw, np.full(raw.size, rate)


def fit_calibrated(
    training: Rows,
    validation: Rows,
    inputs: Sequence[str],
    metric: str,
    params: Params,
    seed: int,
    calibration: Callable[[Floats, Floats], Curve] = isotonic,
) -> CalibratedTrees:
    """Learns from `training`; `validation`, which is later, stops the trees and calibrates them."""
    booster = fit_trees(training, validation, metric, params, seed)
    curve = calibration(np.asarray(booster.predict(validation[0])), validation[1])
    return CalibratedTrees(booster, tuple(inputs), *curve)


def fit_trees(
    training: Rows, validation: Rows, metric: str, params: Params, seed: int
) -> lgb.Booster:
    """Trees that stop where `metric` of LightGBM no longer gets better on `validation`."""
    import lightgbm as lgb  # takes seconds

    learned = lgb.Dataset(*training)
    return lgb.train(
        {**_FIXED, "metric": metric, **params, "seed": seed},
        learned,
        MOST_ROUNDS,
        valid_sets=[lgb.Dataset(*validation, learned)],
        callbacks=[lgb.early_stopping(_PATIENCE, verbose=False)],
    )


def tune_trees(
    training: Rows,
    validation: Rows,
    metric: str,
    trials: int,
    seed: int,
    fixed: Params = MappingProxyType({}),
) -> Params:
    """The parameters in SPACE with the best `metric` on `validation`, of at most `trials`.

    `fixed` ones are the same in all trials, and not among those that are found.
    """
    sign = -1.0 if metric in _HIGHER_IS_BETTER else 1.0

    def loss(params: Params) -> float:
        booster = fit_trees(training, validation, metric, {**params, **fixed}, seed)
        return sign * float(booster.best_score["valid_0"][metric])

    return minimise(loss, SPACE, DEFAULTS, trials, seed)
