"""Parcels: one per shipped order, sometimes two, a few with times that cannot be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import DAY, HOUR, NEVER, Bools, Ints, draw, flags
from ingest.simulator.delivery import INSERT, OPS, UPDATE, Changes
from ingest.simulator.lifecycle import Lifecycle
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.text import ids, iso, money, words
from ingest.simulator.vocabulary import CARRIERS, MARKETS

_SHIPPED, _DELIVERED = range(2)


@dataclass(frozen=True)
class Shipments:
    """Parcels by position, sorted by instant; cost in cents of EUR.

    `delivered` is what the carrier reports; where `is_impossible` that is before `shipped`.
    """

    order: Ints
    shipped: Ints
    delivered: Ints
    reported: Ints
    carrier: Ints
    cost: Ints
    is_impossible: Bools

    @property
    def size(self) -> int:
        """Number of parcels."""
        return self.order.size


def make_shipments(plan: Plan, orders: Orders, lifecycle: Lifecycle) -> Shipments:
    """Parcels of all orders shipped within the calendar."""
    rng = plan.rng("shipments")
    shipped_orders = np.flatnonzero(lifecycle.shipped < plan.end)
    second = draw(rng, shipped_orders, shipped_orders.size * 3 // 100)
    order = np.concatenate([shipped_orders, second])
    shipped = lifecycle.shipped[order]
    later = np.repeat([0, 1], [shipped_orders.size, second.size]) * rng.integers(
        HOUR, 8 * HOUR, order.size
    )
    reported = lifecycle.delivered[order] - later
    sent = np.minimum(shipped + later, reported - HOUR)
    by_time = np.lexsort((order, sent))
    order, sent, reported = order[by_time], sent[by_time], reported[by_time]
    keep = sent < plan.end
    order, sent, reported = order[keep], sent[keep], reported[keep]
    arrived = np.flatnonzero(reported < plan.end)
    impossible = draw(rng, arrived, plan.share(3, 2_000, 2))
    delivered = reported.copy()
    delivered[impossible] = sent[impossible] - rng.integers(HOUR, DAY, impossible.size)
    is_home = orders.market[order] == list(MARKETS).index("DE")
    cost = np.where(
        is_home, rng.integers(330, 520, order.size), rng.integers(690, 1_450, order.size)
    )
    return Shipments(
        order=order,
        shipped=sent,
        delivered=delivered,
        reported=reported,
        carrier=rng.integers(0, len(CARRIERS), order.size),
        cost=cost,
        is_impossible=flags(order.size, impossible),
    )


def shipment_changes(plan: Plan, shipments: Shipments) -> Changes:
    """Sent, then delivered."""
    rows = np.arange(shipments.size)
    return Changes.gather(
        plan,
        [
            (rows, _SHIPPED, INSERT, shipments.shipped),
            (rows, _DELIVERED, UPDATE, shipments.reported),
        ],
    )


def shipment_rows(shipments: Shipments, changes: Changes) -> pl.DataFrame:
    """Rows of the shipments extract for changes."""
    row = changes.row
    delivered = np.where(changes.state == _DELIVERED, shipments.delivered[row], NEVER)
    return pl.select(
        shipment_id=ids("SH", row),
        order_id=ids("O", shipments.order[row]),
        carrier=words(CARRIERS, shipments.carrier[row]),
        shipped_at=iso(shipments.shipped[row]),
        delivered_at=iso(delivered),
        shipping_cost=money(shipments.cost[row]),
        currency=words(["EUR"], np.zeros_like(row)),
        op=words(OPS, changes.op),
        updated_at=iso(changes.at),
    )


def shipment_truth(shipments: Shipments) -> dict[str, pl.DataFrame]:
    """Which parcels were delivered before they were sent."""
    rows = np.flatnonzero(shipments.is_impossible)
    return {
        "impossible_shipments": pl.DataFrame(
            {"shipment_id": ids("SH", rows), "order_id": ids("O", shipments.order[rows])}
        )
    }
