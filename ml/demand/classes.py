"""The class of a series by how often it sells and how much its sales vary.

Syntetos, Boylan and Croston, On the categorization of demand patterns, Journal of the Operational
Research Society 56 (2005): ADI 1.32 and CV2 0.49 part smooth, erratic, intermittent and lumpy.
"""

from __future__ import annotations

import numpy as np

from ml.arrays import Floats, Ints
from ml.demand.grid import Sums

CLASSES = ("smooth", "erratic", "intermittent", "lumpy")
ADI_CUT = 1.32
CV2_CUT = 0.49


def demand_shape(sums: Sums, column: int) -> tuple[Floats, Floats]:
    """ADI (known periods per period with a sale; infinite without one) and CV2 before a column.

    CV2 is the squared coefficient of variation (population) of the units of periods with a sale,
    0 for fewer than two of them. Both by series.
    """
    sold = sums.sold[:, column]
    count = np.maximum(sold, 1.0)
    mean = sums.units[:, column] / count
    variance = np.maximum(sums.squares[:, column] / count - mean**2, 0.0)
    adi = np.where(sold > 0, sums.observed[:, column] / count, np.inf)
    cv2 = np.where(sold > 1, variance / np.where(mean > 0, mean, 1.0) ** 2, 0.0)
    return adi, cv2


def classify(sums: Sums, column: int) -> Ints:
    """Positions in CLASSES by series; a series without a sale is intermittent."""
    adi, cv2 = demand_shape(sums, column)
    found: Ints = 2 * (adi >= ADI_CUT).astype(np.int64) + (cv2 >= CV2_CUT)
    return found
