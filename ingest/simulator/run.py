"""One simulation from its arguments to its files."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ingest.simulator.arrays import Bools
from ingest.simulator.chargebacks import chargeback_truth, make_chargebacks
from ingest.simulator.customers import Customers, customer_extract, customer_truth, make_customers
from ingest.simulator.delivery import Changes, deliver
from ingest.simulator.demand import category_demand, demand_truth
from ingest.simulator.event_truth import event_truth
from ingest.simulator.events import Clickstream, Shop
from ingest.simulator.files import Files, truth_folder
from ingest.simulator.gateway import judge
from ingest.simulator.lifecycle import Lifecycle, make_lifecycle, order_truth, sold_lines
from ingest.simulator.lines import Lines, make_lines
from ingest.simulator.lookalikes import lookalike_truth
from ingest.simulator.marketing import exposure_rows, spend_rows
from ingest.simulator.orders import Orders, calendar_truth, day_weights, make_orders
from ingest.simulator.payments import (
    card_numbers,
    make_payments,
    payment_changes,
    payment_rows,
    payment_truth,
)
from ingest.simulator.plan import Plan
from ingest.simulator.products import (
    Products,
    make_products,
    product_extract,
    product_history,
    product_truth,
)
from ingest.simulator.reference import Reference
from ingest.simulator.refunds import make_refunds, refund_changes, refund_rows, refund_truth
from ingest.simulator.sales import city_care, line_changes, line_rows, order_changes, order_rows
from ingest.simulator.shipments import (
    make_shipments,
    shipment_changes,
    shipment_rows,
    shipment_truth,
)
from ingest.simulator.stock import inventory_days, make_stock, plan_stock_outs, stock_truth

_CHUNK = 250_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """What one simulation wrote: files, rows by entity (repeated rows counted), seconds taken."""

    files: int
    rows: dict[str, int]
    seconds: float


def simulate(
    scale: str, seed: int, days: int | None, loads: int, out: Path, truth: Path | None = None
) -> Summary:
    """Writes the shop's extracts into `out` and what was planted into `truth`.

    `scale` is demo or a whole number N (N x 100,000 orders); `days` is the length of the calendar
    (None: 180 for the demo, 730 otherwise), which ends on 2025-12-31; `loads` is the number of
    deliveries, the history and then one per day. The files are the same, byte for byte, for the
    same scale, seed, days and loads. Raises ConfigError for arguments that make no simulation and
    for folders that hold another one.
    """
    began = time.perf_counter()
    plan = Plan.of(scale, seed, days, loads)
    reference = Reference.read(plan)
    out = out.resolve()
    folder = truth.resolve() if truth is not None else truth_folder(out)
    files = Files(plan, out, folder)
    files.begin()

    products = make_products(plan)
    customers = make_customers(plan)
    _write_extracts(plan, files, products, customers)
    files.truth(product_truth(plan, products))
    files.truth(customer_truth(plan, customers))
    _write_marketing(plan, reference, files, customers)

    orders = make_orders(plan, reference, customers)
    busy = day_weights(plan, reference)
    files.truth({"calendar": calendar_truth(plan, reference)})
    files.truth(demand_truth(plan, reference, customers, products, busy))
    out_of_stock = plan_stock_outs(plan, products, category_demand(plan, reference.discount, busy))
    lines, lost = make_lines(plan, reference, customers, products, orders, out_of_stock)
    lifecycle = make_lifecycle(plan, orders, lines)
    files.truth({"lost_demand": lost})
    files.truth(order_truth(plan, orders, lines, lifecycle))
    _write_inventory(plan, files, products, orders, lines, lifecycle, out_of_stock)

    planted = _write_sales(plan, reference, files, customers, orders, lines, lifecycle)
    planted += _write_money(plan, reference, files, customers, orders, lines, lifecycle)
    files.truth({"deliveries": pl.concat(planted)})
    _write_events(plan, reference, files, customers, products, orders, lines)
    return Summary(files.written, dict(files.rows), time.perf_counter() - began)


def _write_extracts(plan: Plan, files: Files, products: Products, customers: Customers) -> None:
    for at, frame in product_history(plan, products):
        files.full("products", at, frame)
    for load, at in enumerate(plan.extracted.tolist()):
        files.full("products", at, product_extract(plan, products, load))
        files.full("customers", at, customer_extract(plan, customers, load))
    _log.info("wrote products and customers")


def _write_marketing(plan: Plan, reference: Reference, files: Files, customers: Customers) -> None:
    spend, spend_load = spend_rows(plan, reference)
    exposures, exposure_load, propensities = exposure_rows(plan, customers)
    for load, at in enumerate(plan.extracted.tolist()):
        for entity, frame, loads in (
            ("marketing_spend", spend, spend_load),
            ("campaign_exposures", exposures, exposure_load),
        ):
            rows = frame.filter(pl.Series(loads == load))
            files.increment(entity, "csv", at, rows.height, [rows])
    files.truth({"campaign_propensities": propensities})


def _write_inventory(
    plan: Plan,
    files: Files,
    products: Products,
    orders: Orders,
    lines: Lines,
    lifecycle: Lifecycle,
    out_of_stock: Bools,
) -> None:
    sold = sold_lines(plan, lines, lifecycle)
    stock = make_stock(plan, products, orders, lines, sold, out_of_stock)
    for day, frame in inventory_days(plan, stock):
        files.increment("inventory", "csv", plan.extract_of(day), frame.height, [frame])
    files.truth(stock_truth(plan, stock))
    _log.info("wrote inventory")


def _write_sales(
    plan: Plan,
    reference: Reference,
    files: Files,
    customers: Customers,
    orders: Orders,
    lines: Lines,
    lifecycle: Lifecycle,
) -> list[pl.DataFrame]:
    care = city_care(plan, orders)
    return [
        _write_changes(
            plan,
            files,
            "orders",
            "csv",
            order_changes(plan, orders, lifecycle),
            lambda c: order_rows(plan, reference, customers, orders, lifecycle, c, care),
        ),
        _write_changes(
            plan,
            files,
            "order_items",
            "csv",
            line_changes(plan, orders, lines, lifecycle),
            lambda c: line_rows(reference, lines, c),
        ),
    ]


def _write_money(
    plan: Plan,
    reference: Reference,
    files: Files,
    customers: Customers,
    orders: Orders,
    lines: Lines,
    lifecycle: Lifecycle,
) -> list[pl.DataFrame]:
    shipments = make_shipments(plan, orders, lifecycle)
    cards = card_numbers(plan, customers, orders)
    payments = make_payments(plan, orders, lifecycle)
    payments = judge(plan, customers, orders, payments, cards)
    chargebacks = make_chargebacks(plan, orders, lifecycle, payments)
    payments = payments.with_chargebacks(chargebacks.payment, chargebacks.at)
    refunds = make_refunds(plan, orders, lines, lifecycle, payments)
    payments = payments.with_refunds(*refunds.paid_back())
    files.truth(shipment_truth(shipments))
    files.truth(payment_truth(payments))
    files.truth(chargeback_truth(plan, orders, payments, chargebacks))
    files.truth(lookalike_truth(orders.lookalikes))
    files.truth(refund_truth(refunds))
    return [
        _write_changes(
            plan,
            files,
            "shipments",
            "csv",
            shipment_changes(plan, shipments),
            lambda c: shipment_rows(shipments, c),
        ),
        _write_changes(
            plan,
            files,
            "payments",
            "ndjson",
            payment_changes(plan, payments),
            lambda c: payment_rows(reference, customers, orders, payments, cards, c),
        ),
        _write_changes(
            plan,
            files,
            "refunds",
            "csv",
            refund_changes(plan, refunds),
            lambda c: refund_rows(reference, orders, lines, refunds, c),
        ),
    ]


def _write_changes(
    plan: Plan,
    files: Files,
    entity: str,
    suffix: str,
    changes: Changes,
    rows: Callable[[Changes], pl.DataFrame],
) -> pl.DataFrame:
    """Writes one increment per load, in chunks; returns what was planted on the way."""
    delivery = deliver(plan, entity, changes)
    for load, at in zip(delivery.loads, plan.extracted.tolist(), strict=True):
        files.increment(entity, suffix, at, load.size, (rows(part) for part in _chunks(load)))
    _log.info("wrote %s", entity)
    return delivery.planted


def _chunks(changes: Changes) -> Iterator[Changes]:
    """Parts of at most _CHUNK changes; one empty part when there are none (a file has a header)."""
    for first in range(0, max(1, changes.size), _CHUNK):
        yield changes.take(np.arange(first, min(first + _CHUNK, changes.size)))


def _write_events(
    plan: Plan,
    reference: Reference,
    files: Files,
    customers: Customers,
    products: Products,
    orders: Orders,
    lines: Lines,
) -> None:
    shop = Shop(reference, customers, products, orders, lines)
    stream = Clickstream(plan, shop, day_weights(plan, reference))
    channels = reference.channels
    with event_truth(plan, files, orders, customers, channels, stream.campaigns) as truth:
        for hour, frame in stream.hours(truth):
            files.increment("events", "ndjson", hour, frame.height, [frame])
    files.truth({"funnel_probabilities": stream.funnel.truth()})
    _log.info("wrote events")
