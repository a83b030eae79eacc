"""Who orders when: order headers before anything happens to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import HOUR, Bools, Floats, Ints, draw, flags, pick, spread
from ingest.simulator.customers import Customers
from ingest.simulator.demand import promotion_rush
from ingest.simulator.fraud import BLATANT, HONEST, Fraud, plant_rings, ring_accounts, take_over
from ingest.simulator.lookalikes import Lookalikes, households, make_lookalikes, stay_up
from ingest.simulator.plan import Plan
from ingest.simulator.reference import Reference
from ingest.simulator.vocabulary import CHANNEL_SHARES, MARKETS


@dataclass(frozen=True)
class Orders:
    """Order headers by position, sorted by time; `fraud` and `lookalikes` say who they are."""

    placed: Ints
    day: Ints
    customer: Ints
    address: Ints
    market: Ints
    currency: Ints
    channel: Ints
    device: Ints
    fraud: Fraud
    lookalikes: Lookalikes
    is_late_customer: Bools

    @property
    def size(self) -> int:
        """Number of orders."""
        return self.placed.size


def day_weights(plan: Plan, reference: Reference) -> Floats:
    """How busy each day is: growth, season, weekday, the weeks before Christmas, promotions."""
    rng = plan.rng("day weights")
    day = np.arange(plan.days)
    dates = np.datetime64(plan.first_day) + day
    weekday = (dates.astype("datetime64[D]").astype(np.int64) + 3) % 7
    year_start = dates.astype("datetime64[Y]").astype("datetime64[D]")
    of_year = (dates - year_start).astype(np.int64)
    weight = 1 + 0.25 * day / 730
    weight = weight * (1 + 0.12 * np.cos(2 * np.pi * (of_year - 335) / 365))
    weight = weight * np.array([1.05, 1.0, 0.98, 1.0, 0.97, 0.9, 1.12])[weekday]
    weight = weight * np.where((of_year >= 335) & (of_year < 352), 1.3, 1.0)
    weight = weight * np.where((of_year >= 357) & (of_year < 360), 0.6, 1.0)
    shares = np.array([market.share for market in MARKETS.values()])
    weight = weight * (1 - 0.4 * (reference.holiday @ (shares / shares.sum())))
    rush = promotion_rush(reference.discount)
    result: Floats = weight * rush * rng.lognormal(0, 0.08, plan.days)
    return result


def make_orders(plan: Plan, reference: Reference, customers: Customers) -> Orders:
    """Draws the headers; as many frauds and late customers as the scale asks for."""
    rng = plan.rng("orders")
    placed, late, fraud = _instants(plan, reference, customers, rng)
    customer = _buyers(plan, reference, customers, rng, placed)
    customer = ring_accounts(plan, customers, fraud, placed, customer)
    late_customers = np.flatnonzero(customers.is_late)
    late_orders = np.flatnonzero(late)
    customer[late_orders] = late_customers[: late_orders.size]
    placed[late_orders] = customers.created[customer[late_orders]] + rng.integers(
        HOUR, 15 * HOUR, late_orders.size
    )
    placed, is_night_owl = stay_up(plan, customers, customer, placed, fraud.is_honest & ~late)
    order = np.argsort(placed, kind="stable")
    placed, customer, late, fraud = placed[order], customer[order], late[order], fraud.take(order)
    fraud = take_over(plan, customers, fraud, placed, customer)
    honest = fraud.is_honest & ~late
    lookalikes = make_lookalikes(plan, customers, customer, is_night_owl[order] & honest, honest)
    return _headers(plan, reference, customers, rng, placed, customer, late, fraud, lookalikes)


def _headers(
    plan: Plan,
    reference: Reference,
    customers: Customers,
    rng: np.random.Generator,
    placed: Ints,
    customer: Ints,
    late: Bools,
    fraud: Fraud,
    lookalikes: Lookalikes,
) -> Orders:
    """Where the orders go, through which channel and from which device they come."""
    address = customers.address.at(customer, placed)
    together = np.flatnonzero(fraud.shares_address)
    _, first, of_ring = np.unique(fraud.ring[together], return_index=True, return_inverse=True)
    address[together] = address[together[first]][of_ring]
    market = customers.address_market[address]
    direct = reference.channels.index("direct")
    telephone = reference.channels.index("telephone")
    channel = pick(rng, [CHANNEL_SHARES[c] for c in reference.channels], placed.size)
    is_direct = (fraud.kind == BLATANT) | ((fraud.kind != HONEST) & (channel == telephone))
    channel = np.where(is_direct, direct, channel)
    own = 2 * households(plan, customers)[customer] + (rng.random(placed.size) < 0.2)
    device = np.where(channel == telephone, -1, own)
    return Orders(
        placed=placed,
        day=plan.day_of(placed),
        customer=customer,
        address=address,
        market=market,
        currency=reference.market_currency[market],
        channel=channel,
        device=np.where(fraud.shares_device, 2 * customers.size + fraud.ring, device),
        fraud=fraud,
        lookalikes=lookalikes,
        is_late_customer=late,
    )


def _instants(
    plan: Plan, reference: Reference, customers: Customers, rng: np.random.Generator
) -> tuple[Ints, Bools, Fraud]:
    """Instants, places for late customers and fraud rings, not sorted."""
    size = plan.sizes.orders
    last_days = np.repeat(np.arange(plan.days - plan.loads, plan.days), 6)
    counts = spread(size - last_days.size, day_weights(plan, reference) * _noise(plan))
    day = np.concatenate([last_days, np.repeat(np.arange(plan.days), counts)])
    fraud, placed = plant_rings(plan, plan.instants(rng, day), day)
    late_day = np.flatnonzero((day == max(0, plan.days - 2)) & fraud.is_honest)
    late = flags(size, draw(rng, late_day, int(customers.is_late.sum())))
    return placed, late, fraud


def _noise(plan: Plan) -> Floats:
    """Chance in the number of orders of a day, as of a Poisson count."""
    mean = plan.sizes.orders / plan.days
    noise: Floats = plan.rng("day noise").gamma(mean, 1 / mean, plan.days)
    return noise


def _buyers(
    plan: Plan,
    reference: Reference,
    customers: Customers,
    rng: np.random.Generator,
    placed: Ints,
) -> Ints:
    """A registered customer for each order, by weight, rarer on the customer's public holidays."""
    weight = np.where(customers.is_late, 0.0, customers.weight)
    cumulative = np.cumsum(weight)
    day = plan.day_of(placed)
    registered = np.searchsorted(customers.created, placed, side="left")
    customer = np.zeros(placed.size, dtype=np.int64)
    open_orders = np.arange(placed.size)
    for attempt in range(8):
        limit = cumulative[registered[open_orders] - 1]
        u = rng.random(open_orders.size) * limit
        drawn = np.searchsorted(cumulative, u, side="right")
        customer[open_orders] = drawn
        market = customers.address_market[drawn]
        holiday = reference.holiday[day[open_orders], market]
        stays_away = holiday & (rng.random(open_orders.size) < 0.4) & (attempt < 3)
        gone = placed[open_orders] >= customers.active_until[drawn]
        open_orders = open_orders[stays_away | gone]
    steady = np.flatnonzero((weight > 0) & (customers.active_until > plan.end))
    customer[open_orders] = steady[0]
    return customer


def calendar_truth(plan: Plan, reference: Reference) -> pl.DataFrame:
    """How busy each business day was planned to be."""
    return pl.DataFrame(
        {
            "date": [plan.date(day) for day in range(plan.days)],
            "weight": day_weights(plan, reference),
        }
    )
