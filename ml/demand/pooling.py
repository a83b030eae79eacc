"""Means of series drawn towards the mean of their category, the more the less is known of them.

The posterior mean of a Poisson rate whose prior is a gamma with the mean of the category: the prior
counts as so many periods of history (Gelman and others, Bayesian Data Analysis, 3rd edition, 2.6).
Old periods may count less than new ones.
"""

from __future__ import annotations

import numpy as np

from ml.arrays import Floats
from ml.demand.grid import Grid
from ml.demand.smoothing import Smoothed

PRIORS = (0.1, 1.0, 4.0, 16.0)
"""For how many periods the mean of the category may count."""


def pooled_mean(
    grid: Grid, smoothed: Smoothed, half_life: int, prior: float, column: int
) -> Floats:
    """Mean units per period by series, from what was known before the origin at `column`.

    A category of which nothing is known takes the mean of all series; nothing known at all is 0.
    """
    at = smoothed.columns.index(column)
    total, weight = smoothed.total[half_life][at], smoothed.weight[half_life][at]
    size = len(grid.categories)
    sums = np.bincount(grid.category, weights=total, minlength=size)
    counts = np.bincount(grid.category, weights=weight, minlength=size)
    everywhere = total.sum() / weight.sum() if weight.sum() > 0 else 0.0
    centre = np.where(counts > 0, sums / np.where(counts > 0, counts, 1.0), everywhere)
    found: Floats = (total + prior * centre[grid.category]) / (weight + prior)
    return found
