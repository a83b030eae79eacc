"""The extracts of orders and their lines: every change of them, and the rows it gives."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.simulator.arrays import NEVER, Ints
from ingest.simulator.customers import Customers
from ingest.simulator.delivery import DELETE, INSERT, OPS, UPDATE, Changes
from ingest.simulator.lifecycle import Lifecycle
from ingest.simulator.lines import Lines
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.reference import Reference
from ingest.simulator.text import ids, iso, money, tokens, typed_carelessly, words

STATUSES = ("placed", "paid", "shipped", "delivered", "cancelled", "returned")
_PLACED, _PAID, _SHIPPED, _DELIVERED, _CANCELLED, _RETURNED, _SHRUNK, _WITHDRAWN = range(8)
_STATUS_OF_STATE = np.array([0, 1, 2, 3, 4, 5, 0, 0], dtype=np.int64)


def order_changes(plan: Plan, orders: Orders, lifecycle: Lifecycle) -> Changes:
    """Every change of every order header."""
    rows = np.arange(orders.size)
    return Changes.gather(
        plan,
        [
            (rows, _PLACED, INSERT, orders.placed),
            (rows, _SHRUNK, UPDATE, lifecycle.removed),
            (rows, _PAID, UPDATE, lifecycle.paid),
            (rows, _SHIPPED, UPDATE, lifecycle.shipped),
            (rows, _DELIVERED, UPDATE, lifecycle.delivered),
            (rows, _CANCELLED, UPDATE, lifecycle.cancelled),
            (rows, _RETURNED, UPDATE, lifecycle.returned),
            (rows, _WITHDRAWN, DELETE, lifecycle.withdrawn),
        ],
    )


def order_rows(
    plan: Plan,
    reference: Reference,
    customers: Customers,
    orders: Orders,
    lifecycle: Lifecycle,
    changes: Changes,
    care: Ints,
) -> pl.DataFrame:
    """Rows of the orders extract for changes; `care` says how the city of each order is typed."""
    row = changes.row
    home = customers.addresses[orders.address[row]]
    status = _STATUS_OF_STATE[changes.state]
    cancelled = np.where(changes.state == _CANCELLED, lifecycle.cancelled[row], NEVER)
    is_small = changes.at >= lifecycle.removed[row]
    return pl.select(
        order_id=ids("O", row),
        customer_id=ids("C", orders.customer[row]),
        order_status=words(STATUSES, np.where(lifecycle.has_no_status[row], -1, status)),
        ordered_at=iso(orders.placed[row]),
        cancelled_at=iso(cancelled),
        promised_at=iso(lifecycle.promised[row]),
        channel_id=words(reference.channels, orders.channel[row]),
        device_id=tokens("dev_", orders.device[row]),
        currency=words(reference.currencies, orders.currency[row]),
        ship_to_line1=home["line1"],
        ship_to_postal_code=home["postal_code"],
        ship_to_city=typed_carelessly(home["city"], care[row]),
        ship_to_state=home["state"],
        ship_to_country=home["country"],
        order_total=money(np.where(is_small, lifecycle.total[row], lifecycle.first_total[row])),
        op=words(OPS, changes.op),
        updated_at=iso(changes.at),
    )


def city_care(plan: Plan, orders: Orders) -> Ints:
    """How the delivery city of each order is typed: 3 % in another case or with spaces around."""
    rng = plan.rng("city")
    return np.where(rng.random(orders.size) < 0.03, rng.integers(1, 4, orders.size), 0)


def line_changes(plan: Plan, orders: Orders, lines: Lines, lifecycle: Lifecycle) -> Changes:
    """Every change of every order line: inserted with its order, rarely deleted."""
    rows = np.arange(lines.size)
    gone = lifecycle.withdrawn[lines.order]
    removed = np.flatnonzero(lifecycle.removed_line >= 0)
    gone[lifecycle.removed_line[removed]] = lifecycle.removed[removed]
    return Changes.gather(
        plan,
        [(rows, 0, INSERT, orders.placed[lines.order]), (rows, 1, DELETE, gone)],
    )


def line_rows(reference: Reference, lines: Lines, changes: Changes) -> pl.DataFrame:
    """Rows of the order_items extract for changes."""
    row = changes.row
    return pl.select(
        order_id=ids("O", lines.order[row]),
        line_number=pl.Series(lines.number[row]),
        product_id=ids("P", lines.product[row], 6),
        quantity=pl.Series(lines.quantity[row]),
        unit_price=money(lines.unit_price[row]),
        discount_amount=money(lines.discount[row]),
        tax_amount=money(lines.tax[row]),
        shipping_amount=money(lines.shipping[row]),
        promotion_id=words(reference.promotions, lines.promotion[row]),
        op=words(OPS, changes.op),
        updated_at=iso(changes.at),
    )
