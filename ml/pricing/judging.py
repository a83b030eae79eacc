"""How good the forecast of a price change's success is: the usual report, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml.arrays import Floats
from ml.frame.gate import Judgement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KEEPS_NONE = float(np.nextafter(1.0, 2.0))
"""A threshold that no probability reaches: a calibrated one may well be 1."""
CONFIDENCE = 0.995
"""That the changes below a threshold lost. There are many thresholds: where all lifts are chance,
some of them hold changes back in 1 of 20 trainings at this level, in 8 of 20 at 0.95."""
_QUANTILE = NormalDist().inv_cdf(CONFIDENCE)
_TINY = 1e-6


def judge_episodes(episodes: pl.DataFrame, threshold: float, base_rate: float) -> Judgement:
    """Metrics of one row per price change, all but counts and policy values between 0 and 1.

    Columns: source_system, category, product_id, change_date, probability of success, is_success,
    lift, and is_new_product for products of which no change was learned from (the product-disjoint
    part). `lift` is the change in daily margin beyond that of the controls, as a share of the daily
    margin before; the policy value is its sum over kept changes by the number of all. The loss of
    an episode is its log loss, its segment the category. The report of predictions at `threshold`
    stands beside that of the class with the majority in training, where `base_rate` is the share of
    successes, and of always success. The area under the curve is left out where one class is
    missing; of no episodes metrics are 0.
    """
    from sklearn.metrics import brier_score_loss, roc_auc_score  # takes seconds

    labels = episodes["is_success"].cast(pl.Int8).to_numpy()
    given = episodes["probability"].to_numpy()
    probability = np.clip(given, _TINY, 1 - _TINY)  # no loss is infinite
    metrics: dict[str, float] = {"episodes": float(labels.size), "threshold": threshold}
    predicted = given >= threshold
    metrics |= _report("", labels, predicted.astype(int))
    metrics |= _report("majority_", labels, np.full(labels.size, int(base_rate >= 0.5)))
    metrics |= _report("always_1_", labels, np.ones(labels.size, dtype=int))
    is_new = episodes["is_new_product"].to_numpy()
    metrics["new_product_episodes"] = float(is_new.sum())
    metrics["new_product_accuracy"] = _mean((predicted == labels)[is_new])
    for prefix, part in (("", np.ones(labels.size, dtype=bool)), ("new_product_", is_new)):
        real, told = labels[part], probability[part]
        if 0 < real.sum() < real.size:
            metrics[f"{prefix}roc_auc"] = float(roc_auc_score(real, told))
        metrics[f"{prefix}brier"] = float(brier_score_loss(real, told)) if real.size else 0.0
    metrics["calibration_error"] = _calibration_error(labels, probability)
    kept = episodes.filter(pl.col("probability") >= threshold)
    lifts, lifts_kept = episodes["lift"].to_numpy(), kept["lift"].to_numpy()
    metrics["mean_lift"], metrics["mean_lift_kept"] = _mean(lifts), _mean(lifts_kept)
    metrics["policy_value"] = float(lifts_kept.sum()) / max(1, lifts.size)
    log_loss = -np.log(np.where(labels == 1, probability, 1 - probability))
    losses = episodes.select(
        pl.concat_str(
            "source_system", "product_id", pl.col("change_date").cast(pl.String), separator="|"
        ).alias("unit"),
        pl.format("{} {}", "source_system", "category").alias("segment"),
        pl.Series("loss", log_loss),
    )
    return Judgement(metrics, losses)


def best_threshold(probability: Floats, lift: Floats) -> float:
    """The probability below which changes surely lost most in all; 0 where they did not surely.

    Of changes, both of shape (changes,). Among the thresholds between different probabilities the
    one with the lowest upper bound of the sum of lifts below it, at CONFIDENCE; of equal ones the
    lowest. The threshold with the best sum itself follows chance: on the simulator at scale 1 one
    of six trainings held back a quarter of what all changes were worth. Changes of equal
    probability stay or go together.
    """
    if not probability.size:
        return 0.0
    order = np.argsort(probability, kind="stable")
    ranked, lifts = probability[order], lift[order]
    # Around a mean of nothing: what has to be excluded is that they won nothing and were unlucky.
    deviation = np.sqrt(np.cumsum(lifts**2))
    upper = np.concatenate([[0.0], np.cumsum(lifts) + _QUANTILE * deviation])
    is_between = np.concatenate([[True], np.diff(ranked) > 0, [True]])
    best = int(np.where(is_between, upper, np.inf).argmin())
    if best == 0:
        return 0.0
    if best == probability.size:
        return KEEPS_NONE
    return float((ranked[best - 1] + ranked[best]) / 2)


def plot_reliability(episodes: pl.DataFrame) -> Figure:
    """Share of successes over the probability that was given, by tenths of the episodes."""
    from matplotlib.figure import Figure

    tenths = (
        episodes.sort("probability")
        .with_columns((pl.int_range(pl.len()) * 10 // pl.len()).alias("tenth"))
        .group_by("tenth", maintain_order=True)
        .agg(pl.col("probability").mean(), pl.col("is_success").mean())
    )
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--")
    axes.plot(tenths["probability"], tenths["is_success"], marker="o")
    axes.set(xlabel="probability given", ylabel="share of successes", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    return figure


def _mean(values: Any) -> float:
    return float(values.mean()) if values.size else 0.0


def _report(prefix: str, labels: Any, predicted: Any) -> Mapping[str, float]:
    """Precision, recall, F1 and support by class, accuracy, and both averages."""
    from sklearn.metrics import classification_report

    found = classification_report(
        labels, predicted, labels=[0, 1], output_dict=True, zero_division=0.0
    )
    metrics = {f"{prefix}accuracy": _mean(labels == predicted)}
    for section in ("0", "1", "macro avg", "weighted avg"):
        name = section.replace(" avg", "") if "avg" in section else f"class_{section}"
        for measure in ("precision", "recall", "f1-score", "support"):
            if measure == "support" and "avg" in section:
                continue
            short = measure.removesuffix("-score")
            metrics[f"{prefix}{name}_{short}"] = float(found[section][measure])
    return metrics


def _calibration_error(labels: Any, probability: Floats) -> float:
    """Mean distance of probability and share of successes over ten bins of equal width."""
    if not len(labels):
        return 0.0
    bins = np.minimum((probability * 10).astype(int), 9)
    counts = np.bincount(bins, minlength=10)
    distance = np.abs(
        np.bincount(bins, labels, minlength=10) - np.bincount(bins, probability, minlength=10)
    )
    return float(distance.sum() / counts.sum())
