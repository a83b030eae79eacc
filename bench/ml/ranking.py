"""How good a ranking is when only its top can be looked at; equal scores count in proportion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ml.arrays import Floats
from ml.payment_anomaly.judging import BUDGETS


def found_at(scores: Floats, weights: Floats, budget: float) -> float:
    """The weight among the `budget` share of rows with the highest scores, at least one row.

    Where rows of one score are partly within, each counts as far as chance would take it. Shapes
    (rows,); NaN scores come last.
    """
    most = max(1, int(scores.size * budget))
    ranked = np.nan_to_num(scores, nan=-np.inf)
    cut = np.partition(ranked, scores.size - most)[scores.size - most]
    above, tied = ranked > cut, ranked == cut
    share = (most - above.sum()) / tied.sum()
    return float(weights[above].sum() + share * weights[tied].sum())


def judged(scores: Floats, labels: Floats, amounts: Floats) -> Mapping[str, float]:
    """PR-AUC, and precision, recall and recall by value at each of BUDGETS; labels are 0 or 1."""
    from sklearn.metrics import average_precision_score  # takes seconds

    least = np.nanmin(scores) - 1
    metrics = {"PR-AUC": float(average_precision_score(labels, np.nan_to_num(scores, nan=least)))}
    for budget in BUDGETS:
        most = max(1, int(scores.size * budget))
        found = found_at(scores, labels, budget)
        worth = found_at(scores, labels * amounts, budget)
        metrics[f"P@{budget:.1%}"] = found / most
        metrics[f"R@{budget:.1%}"] = found / float(labels.sum())
        metrics[f"value R@{budget:.1%}"] = worth / float((labels * amounts).sum())
    return metrics
