"""The exponential smoothers of intermittent demand, for all series at once.

Croston, Forecasting and stock control for intermittent demands, Operational Research Quarterly 23
(1972): smooth the sizes of sales and the gaps between them. Syntetos and Boylan, The accuracy of
intermittent demand estimates, International Journal of Forecasting 21 (2005): times 1 - alpha / 2.
Teunter, Syntetos and Babai, Intermittent demand: linking forecasting to inventory obsolescence,
European Journal of Operational Research 214 (2011): smooth sizes, and the chance of a sale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats

ALPHAS = (0.05, 0.1, 0.2, 0.3)
CHANCE_ALPHAS = (0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Smoothed:
    """What the smoothers know before some origins; each array is origins x series.

    `size` and `gap` are the smoothed units per sale and periods between sales by alpha, 0 before
    the first sale; `chance` the smoothed chance of a sale by its alpha; `total` and `weight` the
    decayed sums of units and of known periods by half-life.
    """

    columns: tuple[int, ...]
    size: dict[float, Floats]
    gap: dict[float, Floats]
    chance: dict[float, Floats]
    total: dict[int, Floats]
    weight: dict[int, Floats]

    def croston(self, alpha: float) -> Floats:
        """Croston's mean per period."""
        gap = self.gap[alpha]
        found: Floats = self.size[alpha] / np.where(gap > 0, gap, 1.0)
        return found

    def sba(self, alpha: float) -> Floats:
        """Croston's mean without its bias, after Syntetos and Boylan."""
        return self.croston(alpha) * (1 - alpha / 2)

    def tsb(self, alpha: float, chance_alpha: float) -> Floats:
        """The mean after Teunter, Syntetos and Babai, which falls while nothing is sold."""
        return self.size[alpha] * self.chance[chance_alpha]


def smooth(
    units: Floats,
    columns: Sequence[int],
    half_lives: Sequence[int],
    alphas: Sequence[float] = ALPHAS,
    chance_alphas: Sequence[float] = CHANCE_ALPHAS,
) -> Smoothed:
    """Smooths a matrix (series x periods, NaN: skipped) once, and notes the state before columns.

    Sizes and gaps start at the first sale and the first chance at the first known period, as in
    the papers; a period that is not known moves nothing but the decay of the sums.
    """
    wanted = tuple(sorted(set(columns)))
    count = units.shape[0]
    size, gap = np.zeros((len(alphas), count)), np.zeros((len(alphas), count))
    chance = np.full((len(chance_alphas), count), np.nan)
    total, weight = np.zeros((len(half_lives), count)), np.zeros((len(half_lives), count))
    waited = np.zeros(count)
    rate = np.array(alphas)[:, None]
    chance_rate = np.array(chance_alphas)[:, None]
    decay = np.array([0.5 ** (1 / life) if life else 1.0 for life in half_lives])[:, None]
    kept: list[tuple[Floats, ...]] = []
    for column in range(wanted[-1] + 1 if wanted else 0):
        if column in wanted:
            kept.append((size.copy(), gap.copy(), chance.copy(), total.copy(), weight.copy()))
        if column == wanted[-1]:
            break
        now = units[:, column]
        is_known = np.isfinite(now)
        now = np.where(is_known, now, 0.0)
        is_sale = now > 0
        waited += is_known
        is_first = is_sale & (gap[0] == 0)
        size += np.where(is_first, now, np.where(is_sale, rate * (now - size), 0.0))
        gap += np.where(is_first, waited, np.where(is_sale, rate * (waited - gap), 0.0))
        waited[is_sale] = 0.0
        moved = np.where(np.isnan(chance), is_sale, chance + chance_rate * (is_sale - chance))
        chance = np.where(is_known, moved, chance)
        total = total * decay + now
        weight = weight * decay + is_known
    states = [np.stack([state[part] for state in kept]) for part in range(5)]
    return Smoothed(
        columns=wanted,
        size={alpha: states[0][:, i] for i, alpha in enumerate(alphas)},
        gap={alpha: states[1][:, i] for i, alpha in enumerate(alphas)},
        chance={a: np.nan_to_num(states[2][:, i], nan=0.0) for i, a in enumerate(chance_alphas)},
        total={life: states[3][:, i] for i, life in enumerate(half_lives)},
        weight={life: states[4][:, i] for i, life in enumerate(half_lives)},
    )
