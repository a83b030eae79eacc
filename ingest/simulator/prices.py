"""List prices and costs of the range, as they change over the calendar."""

from __future__ import annotations

import numpy as np

from ingest.simulator.arrays import HOUR, Bools, Floats, Ints, Steps, draw, half_up
from ingest.simulator.plan import Plan

LARGEST_STEP, SMALLEST_STEP = 0.15, 0.03
RANGE = 0.25
"""Price levels stay within this share of the first price, up to the rounding to a price in 9."""
_REVERTED = 0.25


def charm(price: Floats) -> Ints:
    """Prices that end in 9, at least 0.99."""
    return np.maximum((np.round(price / 10) * 10).astype(np.int64) - 1, 99)


def make_prices(plan: Plan, initial: Ints, launched: Ints) -> Steps:
    """List prices in cents: a bounded walk that nothing in the demand moves.

    A product changes its price about every 75 days (60 in the demo), by 3 to 15 % either way; a
    quarter of the changes takes the one before back. A change holds from the local midnight of its
    day, so that a business day has one price.
    """
    rng = plan.rng("prices")
    every = 60 if plan.is_demo else 75
    product, day = _changes(plan, rng, launched, every=every, share=0.06)
    cell = np.unique(product * plan.days + day)  # sorted by product and day, one change a day
    product, day = cell // plan.days, cell % plan.days
    level = _levels(rng, product, initial.size)
    value = charm(initial[product] * level)
    before = np.where(_is_first(product), initial[product], np.roll(value, 1))
    moves = value != before
    return Steps.build(initial, product[moves], plan.day_starts[day[moves]], value[moves])


def _levels(rng: np.random.Generator, product: Ints, size: int) -> Floats:
    """Price levels relative to the first price after each change, changes sorted by product."""
    step = rng.uniform(SMALLEST_STEP, LARGEST_STEP, product.size)
    step *= rng.choice([-1.0, 1.0], product.size)
    is_reverted = rng.random(product.size) < _REVERTED
    firsts = np.flatnonzero(_is_first(product))
    rank = np.arange(product.size) - np.repeat(firsts, np.diff(np.append(firsts, product.size)))
    level, previous = np.ones(size), np.ones(size)
    result = np.empty(product.size)
    for turn in range(int(rank.max(initial=-1)) + 1):
        now = np.flatnonzero(rank == turn)
        who = product[now]
        up, down = level[who] * (1 + step[now]), level[who] * (1 - step[now])
        moved = np.where(np.abs(up - 1) <= RANGE, up, down)
        if turn:
            moved = np.where(is_reverted[now], previous[who], moved)
        previous[who], level[who] = level[who], moved
        result[now] = moved
    return result


def _is_first(product: Ints) -> Bools:
    """Which rows are the first of their product, rows sorted by product."""
    return np.append(True, product[1:] != product[:-1])[: product.size]


def daily_prices(plan: Plan, price: Steps) -> Ints:
    """Products x days: the list price of each business day."""
    day = np.maximum(np.searchsorted(plan.day_starts, price.start, side="right") - 1, 0)
    is_last = np.append(price.entity[1:] != price.entity[:-1], True)
    until = np.where(is_last, plan.days, np.roll(day, -1))
    result: Ints = np.repeat(price.value, until - day).reshape(-1, plan.days)
    return result


def make_costs(plan: Plan, rng: np.random.Generator, price: Ints, launched: Ints) -> Steps:
    """Unit costs in cents: 42 to 72 % of the first price, changed about every 250 days."""
    share = rng.uniform(0.42, 0.72, launched.size)
    initial = (price * share).astype(np.int64)
    product, day = _changes(plan, rng, launched, every=250, share=0.04)
    at = plan.day_starts[day] + rng.integers(5 * HOUR, 8 * HOUR, day.size)
    factor = rng.integers(9_300, 11_200, product.size)
    return Steps.build(initial, product, at, half_up(initial[product] * factor, 10_000))


def _changes(
    plan: Plan, rng: np.random.Generator, launched: Ints, every: int, share: float
) -> tuple[Ints, Ints]:
    """Changes of (product, day): one in `every` days, `share` of the range per later load."""
    counts = rng.poisson(plan.days / every, launched.size)
    products = [np.repeat(np.arange(launched.size), counts)]
    days = [rng.integers(0, plan.days - plan.loads + 1, int(counts.sum()))]
    for load in range(1, plan.loads):
        chosen = draw(rng, np.arange(launched.size), max(2, int(share * launched.size)))
        products.append(chosen)
        days.append(np.full(chosen.size, plan.days - plan.loads + load))
    product, day = np.concatenate(products), np.concatenate(days)
    known = plan.day_starts[day] > launched[product] + 24 * HOUR
    return product[known], day[known]
