"""What a price policy earns over holding every price, where the demand response is known.

The demand of a category is shared out by weight: popularity x price ^ elasticity. A product that
holds the share s of its category and changes its price by the factor r, the others standing still,
sells r^e / (1 - s + s r^e) times as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats

STEP = 0.001
"""The grid of the optimum: ten times as fine as that of the model."""


@dataclass(frozen=True)
class Market:
    """Products as they are, each of shape (products,).

    Price and unit cost in one currency, units sold per day at today's price, the planted exponent,
    the share of the category's demand, and whether the last change is long enough ago.
    """

    price: Floats
    cost: Floats
    units: Floats
    elasticity: Floats
    share: Floats
    may_change: Bools

    def daily_gain(self, change: Floats) -> Floats:
        """Margin per day at changed prices (shares of today's) less that of today, by product."""
        drawn = (1 + change) ** self.elasticity
        sold = self.units * drawn / (1 - self.share + self.share * drawn)
        found: Floats = sold * (self.price * (1 + change) - self.cost)
        return found - self.units * (self.price - self.cost)


def optimum(market: Market, min_margin_share: float, max_change_share: float) -> Floats:
    """The change of each product with the highest margin within the guardrails.

    A price under its floor, cost x (1 + min_margin_share), may be raised only.
    """
    best = np.zeros_like(market.price)
    gain = np.zeros_like(market.price)
    steps = round(max_change_share / STEP)
    floor = np.minimum(market.cost * (1 + min_margin_share), market.price * (1 + max_change_share))
    for step in range(-steps, steps + 1):
        change = np.full_like(market.price, step * STEP)
        allowed = market.may_change & (market.price * (1 + change) >= floor - 1e-9)
        found = market.daily_gain(change)
        better = allowed & (found > gain)
        best[better], gain[better] = change[better], found[better]
    return best


def share_of_optimum(market: Market, change: Floats, best: Floats) -> float:
    """The gain of a policy over hold, by that of the optimum; NaN where there is none."""
    most = float(market.daily_gain(best).sum())
    return float(market.daily_gain(change).sum()) / most if most > 0 else float("nan")
