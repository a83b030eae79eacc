"""Array types of the simulator, and values that change at instants.

Instants are seconds since 1970 in UTC, money is whole cents, entities are positions from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NEVER = 1 << 40
"""An instant after every other: what never happens."""

MINUTE, HOUR, DAY = 60, 3_600, 86_400
_SHIFT = 32


def half_up(numerator: Ints, denominator: int) -> Ints:
    """`numerator / denominator` to the nearest integer, halves up; for numbers >= 0."""
    return (2 * numerator + denominator) // (2 * denominator)


def flags(size: int, positions: Ints | Sequence[int]) -> Bools:
    """A mask of `size` that is true at `positions`."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[np.asarray(positions, dtype=np.int64)] = True
    return mask


def draw(rng: np.random.Generator, candidates: Ints, count: int) -> Ints:
    """`count` different candidates (all of them when there are fewer), in rising order."""
    taken = rng.permutation(candidates)[: max(0, min(count, candidates.size))]
    result: Ints = np.sort(taken)
    return result


def pick(rng: np.random.Generator, shares: Sequence[float] | Floats, size: int) -> Ints:
    """`size` positions in `shares`, each as likely as its share (they need not add up to 1)."""
    cumulative = np.cumsum(np.asarray(shares, dtype=np.float64))
    u = rng.random(size) * cumulative[-1]
    position: Ints = np.minimum(np.searchsorted(cumulative, u, side="right"), cumulative.size - 1)
    return position


def spread(total: int, weights: Floats) -> Ints:
    """`total` units over `weights` by largest remainder; they add up exactly."""
    exact = weights / weights.sum() * total
    parts: Ints = np.floor(exact).astype(np.int64)
    rest = total - int(parts.sum())
    parts[np.argsort(parts - exact, kind="stable")[:rest]] += 1
    return parts


def scatter(numbers: Ints) -> npt.NDArray[np.uint64]:
    """64 bits for each number (>= 0) that show nothing of it, always the same (splitmix64)."""
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed


@dataclass(frozen=True)
class Steps:
    """Values of many entities that change at instants: three arrays sorted by entity and instant.

    The first value of every entity starts at instant 0.
    """

    entity: Ints
    start: Ints
    value: Ints

    @classmethod
    def build(cls, initial: Ints, entity: Ints, start: Ints, value: Ints) -> Steps:
        """Steps from the `initial` value of each entity and any number of later changes."""
        entities = np.concatenate([np.arange(initial.size), entity])
        starts = np.concatenate([np.zeros(initial.size, dtype=np.int64), start])
        values = np.concatenate([initial, value])
        order = np.lexsort((starts, entities))
        return cls(entities[order], starts[order], values[order])

    def _index(self, entity: Ints, at: Ints) -> Ints:
        keys = (self.entity << _SHIFT) + self.start
        return np.searchsorted(keys, (entity << _SHIFT) + at, side="right") - 1

    def at(self, entity: Ints, at: Ints) -> Ints:
        """The value of each entity at each instant (a change counts from its own instant on)."""
        return self.value[self._index(entity, at)]

    def changed(self, entity: Ints, at: Ints) -> Ints:
        """The instant of the last change at or before each instant, 0 when there was none."""
        return self.start[self._index(entity, at)]
