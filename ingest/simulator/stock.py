"""The shelf: daily stock that agrees with what was sold, runs out where planned, and has dirt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import DAY, Bools, Floats, Ints, draw, pick
from ingest.simulator.lines import Lines
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.products import Products, is_delisted
from ingest.simulator.text import ids

_COVER = 14
"""Days of sales that a receipt covers; receipts come every `_EVERY` days."""
_EVERY = 7
_SPARE = 5
_RUNS_OUT_EVERY = 170


@dataclass(frozen=True)
class Stock:
    """Products x days: units at opening, received, written off, and at closing (the true one)."""

    opening: Ints
    received: Ints
    closing: Ints
    written_off: Ints
    out_of_stock: Bools
    launch_day: Ints


def plan_stock_outs(plan: Plan, products: Products, demand: Floats) -> Bools:
    """Products x days on which nothing can be sold because the shelf is empty.

    `demand` is days x categories, relative to the mean day. A shelf runs out about once in 170
    days, for 3 to 14 of them, and more often the more is asked for: a day with twice the demand
    begins four times as many. Prices have no part in it.
    """
    rng = plan.rng("stock-outs")
    out = np.zeros((products.size, plan.days), dtype=np.bool_)
    able = np.flatnonzero(~products.is_evergreen & ~is_delisted(plan, products))
    product = np.repeat(able, rng.poisson(plan.days / _RUNS_OUT_EVERY, able.size))
    first = np.zeros(product.size, dtype=np.int64)
    for category in range(demand.shape[1]):
        runs = np.flatnonzero(products.category[product] == category)
        first[runs] = pick(rng, demand[:, category] ** 2, runs.size)
    if plan.days > 2 * plan.loads:
        # Some are out of stock when the calendar ends, so that the demo's three days show it.
        ending = draw(rng, able, max(2, products.size // 20))
        product = np.concatenate([product, ending])
        first = np.concatenate([first, np.full(ending.size, plan.days - plan.loads)])
    length = rng.integers(3, 15, product.size)
    launch_day = (products.launched[product] + 14 * DAY - plan.start) // DAY
    keep = (first > launch_day) & (first > 0)
    for offset in range(15):
        day = first + offset
        hit = keep & (offset < length) & (day < plan.days)
        out[product[hit], day[hit]] = True
    return out


def make_stock(
    plan: Plan, products: Products, orders: Orders, lines: Lines, sold: Bools, out_of_stock: Bools
) -> Stock:
    """Receipts and stock for the units sold; before a stock-out only a few units too many come.

    Those few are written off on the last day before it, so the shelf is empty on exactly the
    planned days: elsewhere units are to spare, and no day without a sale looks like a stock-out.
    """
    rng = plan.rng("stock")
    size, days = products.size, plan.days
    cell = lines.product[sold] * days + orders.day[lines.order[sold]]
    units = np.bincount(cell, weights=lines.quantity[sold], minlength=size * days)
    sales = units.astype(np.int64).reshape(size, days)
    before = np.concatenate([np.zeros((size, 1), np.int64), np.cumsum(sales, axis=1)], axis=1)
    until = _next_stock_out(out_of_stock)
    phase = rng.integers(0, _EVERY, size)
    launch_day = np.clip((products.launched - plan.start) // 86_400, -1, days)
    shape = (size, days)
    opening, received = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    closing, written_off = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    rows = np.arange(size)
    stock = np.zeros(size, dtype=np.int64)
    was_out = np.zeros(size, dtype=np.bool_)
    for day in range(days):
        covered = before[rows, np.minimum(day + _COVER, days)] - before[:, day] + _SPARE
        left = before[rows, until[:, day]] - before[:, day]
        target = np.where(until[:, day] < days, np.minimum(covered, left + _SPARE), covered)
        is_first = (launch_day == day) | (day == 0)
        due = ((day + phase) % _EVERY == 0) | was_out | is_first
        due &= ~out_of_stock[:, day] & (launch_day <= day)
        receipt = np.where(due, np.maximum(target - stock, 0), 0)
        if day == 0:
            stock = receipt
            receipt = np.zeros_like(receipt)
        opening[:, day], received[:, day] = stock, receipt
        stock = stock + receipt - sales[:, day]
        if day + 1 < days:
            ends = out_of_stock[:, day + 1]
            written_off[ends, day] = stock[ends]
            stock = np.where(ends, 0, stock)
        closing[:, day] = stock
        was_out = out_of_stock[:, day]
    return Stock(opening, received, closing, written_off, out_of_stock, launch_day)


def _next_stock_out(out_of_stock: Bools) -> Ints:
    """For each product and day the first later-or-same day that is out of stock; days if none."""
    size, days = out_of_stock.shape
    following = np.full(size, days, dtype=np.int64)
    result = np.empty((size, days), dtype=np.int64)
    for day in range(days - 1, -1, -1):
        following = np.where(out_of_stock[:, day], day, following)
        result[:, day] = following
    return result


def snapshot_days(plan: Plan) -> range:
    """The days that have a snapshot: one per load in the demo, every day elsewhere."""
    return range(plan.days - plan.loads if plan.is_demo else 0, plan.days)


def negative_cells(plan: Plan, stock: Stock) -> tuple[Ints, Ints, Ints]:
    """Where the snapshot says a negative closing stock: products, days and the wrong quantity."""
    rng = plan.rng("negative stock")
    days = np.array(snapshot_days(plan))
    product, day = np.nonzero(stock.launch_day[:, None] <= days[None, :])
    count = min(plan.sizes.negative_stock, product.size // 10)
    chosen = draw(rng, np.arange(product.size), count)
    return product[chosen], days[day[chosen]], -rng.integers(1, 9, count)


def inventory_days(plan: Plan, stock: Stock) -> Iterator[tuple[int, pl.DataFrame]]:
    """The daily snapshots: the day's position and one row per product launched by then."""
    size = stock.launch_day.size
    product_ids = ids("P", np.arange(size), 6)
    warehouse = ids("W", np.arange(size) % (1 if plan.is_demo else 2), 1)
    bad_product, bad_day, bad_quantity = negative_cells(plan, stock)
    for day in snapshot_days(plan):
        closing = stock.closing[:, day].copy()
        today = bad_day == day
        closing[bad_product[today]] = bad_quantity[today]
        rows = np.flatnonzero(stock.launch_day <= day)
        yield (
            day,
            pl.DataFrame(
                {
                    "snapshot_date": [plan.date(day).isoformat()] * rows.size,
                    "warehouse_id": warehouse[rows],
                    "product_id": product_ids[rows],
                    "opening_quantity": stock.opening[rows, day],
                    "received_quantity": stock.received[rows, day],
                    "closing_quantity": closing[rows],
                }
            ),
        )


def stock_truth(plan: Plan, stock: Stock) -> dict[str, pl.DataFrame]:
    """The planned stock-out days, what was written off before them, the truth behind negatives."""
    first = np.datetime64(plan.first_day)

    def dates(day: Ints) -> pl.Series:
        return pl.Series((first + day).astype("datetime64[D]"))

    product, day = np.nonzero(stock.out_of_stock)
    off_product, off_day = np.nonzero(stock.written_off)
    bad_product, bad_day, bad_quantity = negative_cells(plan, stock)
    return {
        "stock_outs": pl.DataFrame({"product_id": ids("P", product, 6), "date": dates(day)}),
        "write_offs": pl.DataFrame(
            {
                "product_id": ids("P", off_product, 6),
                "date": dates(off_day),
                "quantity": stock.written_off[off_product, off_day],
            }
        ),
        "negative_stock": pl.DataFrame(
            {
                "product_id": ids("P", bad_product, 6),
                "date": dates(bad_day),
                "written_quantity": bad_quantity,
                "true_quantity": stock.closing[bad_product, bad_day],
            }
        ),
    }
