"""Chooses a method for a column by hiding known cells and asking who finds them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.imputation.attributes import Inputs
from ml.imputation.methods import METHODS, predict

REPEATS = 5
REPEATS_AT_RANDOM = 2  # for comparison only
MASKED_SHARE = 0.2
MOST_MASKED = 400  # cells of one repeat
LEAST_KNOWN = 30  # with fewer known cells there is nothing to judge by
STANDARD_ERRORS = 2.0  # a more complex method has to be better by more than so many


@dataclass(frozen=True)
class Tried:
    """How far a method was off: mean absolute errors in the unit of the column.

    `error` is that of cells hidden as the missing ones are, `error_at_random` of cells hidden
    anywhere; `gain_errors` is how many standard errors it was better than the method it met, None
    for the first.
    """

    method: str
    error: float
    error_at_random: float
    gain_errors: float | None


@dataclass(frozen=True)
class Choice:
    """The method of a column, None where there is none, with the reason and all that were tried."""

    method: str | None
    reason: str
    known: int
    missing: int
    masked: int = 0
    tried: Sequence[Tried] = ()


def choose(inputs: Inputs, column: int, seed: int) -> Choice:
    """The simplest method for a column that no more complex one beats clearly.

    Cells are hidden REPEATS times as the missing ones are: in the same groups, and with the gaps
    that a row which really lacks the cell has elsewhere. The methods meet in the order of METHODS;
    one takes the place of the best so far when its absolute error on the same cells is less by more
    than STANDARD_ERRORS standard errors of the difference.
    """
    is_known = ~np.isnan(inputs.numbers[:, column])
    known, missing = int(is_known.sum()), int((~is_known).sum())
    nothing = Choice(None, "nothing_missing", known, missing)
    if missing == 0:
        return nothing
    if known == 0:
        return replace(nothing, reason="never_told")
    if known < LEAST_KNOWN:
        return replace(nothing, reason="too_few_known")
    cells, errors = _errors(inputs, column, seed, like_missing=True)
    _, errors_at_random = _errors(inputs, column, seed, like_missing=False)
    best, tried = next(iter(METHODS)), []
    for method in METHODS:
        gain = None if method == best else _gain(errors[best], errors[method], cells)
        tried.append(
            Tried(
                method, float(errors[method].mean()), float(errors_at_random[method].mean()), gain
            )
        )
        if gain is not None and gain > STANDARD_ERRORS:
            best = method
    return Choice(best, "least_error", known, missing, len(np.unique(cells)), tried)


def _gain(before: Floats, after: Floats, cells: Ints) -> float:
    """By how many standard errors the second error is less; a cell hidden twice counts once."""
    _, places = np.unique(cells, return_inverse=True)
    gains = np.bincount(places, before - after) / np.bincount(places)
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    return float(gains.mean() / error) if error > 0 else 0.0


def _errors(
    inputs: Inputs, column: int, seed: int, *, like_missing: bool
) -> tuple[Ints, dict[str, Floats]]:
    """The hidden cells (rows) of all repeats and the absolute error of each method on them."""
    rng = np.random.default_rng([seed, column, like_missing])
    is_known = ~np.isnan(inputs.numbers[:, column])
    truth = inputs.values(column)
    cells: list[Ints] = []
    errors: dict[str, list[Floats]] = {method: [] for method in METHODS}
    for repeat in range(REPEATS if like_missing else REPEATS_AT_RANDOM):
        if like_missing:
            masked, donors = _drawn_like_missing(inputs, is_known, rng)
            hidden = _with_gaps_of(inputs, masked, donors)
        else:
            masked = rng.choice(np.flatnonzero(is_known), _count(is_known), replace=False)
            hidden = inputs
        left = is_known.copy()
        left[masked] = False
        numbers = hidden.numbers.copy()
        numbers[masked, column] = np.nan
        hidden = replace(hidden, numbers=numbers)
        cells.append(masked)
        for method in METHODS:
            found = predict(method, hidden, column, left, masked, seed + repeat)
            errors[method].append(np.abs(found - truth[masked]))
    return np.concatenate(cells), {name: np.concatenate(each) for name, each in errors.items()}


def _count(is_known: Bools) -> int:
    return int(min(MOST_MASKED, np.ceil(MASKED_SHARE * is_known.sum())))


def _drawn_like_missing(
    inputs: Inputs, is_known: Bools, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Known rows to hide, and for each a row that really lacks the cell, of the same group.

    At most half of the known rows of a group are hidden: the others tell what it is like. Any row
    stands in for one of an unknown group, or of a group in which no two cells are known.
    """
    groups, lacking = inputs.levels[:, 0], np.flatnonzero(~is_known)
    donors = rng.choice(lacking, _count(is_known))
    masked = np.full(len(donors), -1, dtype=np.int64)
    is_anywhere = groups[donors] < 0
    for group in np.unique(groups[donors[~is_anywhere]]):
        places = np.flatnonzero(groups[donors] == group)
        rows = rng.permutation(np.flatnonzero(is_known & (groups == group)))
        rows = rows[: min(len(places), len(rows) // 2)]
        masked[places[: len(rows)]] = rows
        is_anywhere[places] = len(rows) == 0
    left = np.setdiff1d(np.flatnonzero(is_known), masked)
    masked[is_anywhere] = rng.choice(left, int(is_anywhere.sum()), replace=False)
    return masked[masked >= 0], donors[masked >= 0]


def _with_gaps_of(inputs: Inputs, rows: Ints, donors: Ints) -> Inputs:
    """The inputs, the rows knowing no more than their donors do."""
    numbers, levels = inputs.numbers.copy(), inputs.levels.copy()
    numbers[rows] = np.where(np.isnan(inputs.numbers[donors]), np.nan, numbers[rows])
    levels[rows] = np.where(inputs.levels[donors] < 0, -1, levels[rows])
    return replace(inputs, numbers=numbers, levels=levels)
