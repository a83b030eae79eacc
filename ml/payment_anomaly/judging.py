"""How good a ranking of payments is when only a few of them can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from ml.frame.gate import Judgement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUDGETS = (0.005, 0.01)
ALERTS = ("HIGH", "CRITICAL")
"""Levels that make the alert rate: no single rule has the points of HIGH, so an alert is more than
one signal, or a probability of a fifth (seeds payment_rules and payment_risk_levels)."""


def at_budget(budget: float) -> pl.Expr:
    """Whether a payment is among the `budget` share with the highest review_score, at least one.

    Of equal scores the smaller payment_id comes first, so that the budget is kept to the row.
    """
    most = pl.max_horizontal((pl.len() * budget).floor().cast(pl.Int64), pl.lit(1))
    place = pl.struct(-pl.col("review_score"), "payment_id").rank("ordinal")
    return place <= most


def judge_ranking(payments: pl.DataFrame, budget: float) -> Judgement:
    """Metrics of captured payments.

    Columns: review_score, risk_level, is_charged_back, reporting_amount, and is_new_payer for those
    that training rows do not know (the user-disjoint part). The loss of a payment is 1 where it was
    charged back and not among the reviewed. Metrics that need chargebacks are left out where there
    are none.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score  # takes seconds

    is_bad = pl.col("is_charged_back")
    value = pl.col("reporting_amount").cast(pl.Float64).fill_null(0)
    metrics: dict[str, float] = {"payments": payments.height}
    bad = payments.filter(is_bad)
    metrics["base_rate"] = bad.height / max(1, payments.height)
    metrics["alert_rate"] = _mean(payments, pl.col("risk_level").is_in(ALERTS))
    for share in BUDGETS:
        name = f"{100 * share:g}_percent"
        reviewed = payments.filter(at_budget(share))
        metrics[f"precision_at_{name}"] = _mean(reviewed, is_bad)
        if bad.height:
            found = reviewed.filter(is_bad)
            metrics[f"recall_at_{name}"] = found.height / bad.height
            if (lost := bad.select(value.sum()).item()) > 0:
                kept = found.select(value.sum()).item()
                metrics[f"value_recall_at_{name}"] = float(kept / lost)
    new = payments.filter("is_new_payer")
    metrics["new_payer_payments"] = new.height
    for prefix, rows in (("", payments), ("new_payer_", new)):
        labels, scores = rows["is_charged_back"].to_numpy(), rows["review_score"].to_numpy()
        if 0 < labels.sum() < labels.size:
            metrics[f"{prefix}average_precision"] = float(average_precision_score(labels, scores))
            metrics[f"{prefix}roc_auc"] = float(roc_auc_score(labels, scores))
    losses = payments.with_columns(at_budget(budget).alias("is_reviewed")).select(
        pl.concat_str("source_system", "payment_id", separator="|").alias("unit"),
        pl.format("{} {}", "source_system", "payment_method_id").alias("segment"),
        (is_bad & ~pl.col("is_reviewed")).cast(pl.Float64).alias("loss"),
    )
    return Judgement(metrics, losses)


def plot_precision_recall(curves: Mapping[str, pl.DataFrame]) -> Figure:
    """Precision over recall of each named ranking of the same payments."""
    from matplotlib.figure import Figure
    from sklearn.metrics import precision_recall_curve

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, payments in curves.items():
        labels, scores = payments["is_charged_back"].to_numpy(), payments["review_score"].to_numpy()
        precision, recall, _ = precision_recall_curve(labels, scores)
        axes.step(recall, precision, where="post", label=name)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _mean(rows: pl.DataFrame, condition: pl.Expr) -> float:
    return float(rows.select(condition.mean()).item() or 0.0)
