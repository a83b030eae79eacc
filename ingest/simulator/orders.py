"""Who orders when: order headers before anything happens to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import HOUR, MINUTE, Bools, Floats, Ints, draw, flags, pick, spread
from ingest.simulator.customers import Customers
from ingest.simulator.plan import Plan
from ingest.simulator.reference import Reference
from ingest.simulator.vocabulary import CATEGORY_SHARES, CHANNEL_SHARES, MARKETS

_RING = 3
"""Orders of one fraudster in one night."""


@dataclass(frozen=True)
class Orders:
    """Order headers by position, sorted by time; `ring` is -1 or the number of the fraudster."""

    placed: Ints
    day: Ints
    customer: Ints
    address: Ints
    market: Ints
    currency: Ints
    channel: Ints
    device: Ints
    ring: Ints
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
    uplift = reference.discount @ np.array(CATEGORY_SHARES) / 10_000
    result: Floats = weight * (1 + 2.5 * uplift) * rng.lognormal(0, 0.08, plan.days)
    return result


def make_orders(plan: Plan, reference: Reference, customers: Customers) -> Orders:
    """Draws the headers; as many fraud rings and late customers as the scale asks for."""
    rng = plan.rng("orders")
    size = plan.sizes.orders
    placed, ring, late = _instants(plan, reference, customers, rng)
    customer = _buyers(plan, reference, customers, rng, placed, ring)
    late_customers = np.flatnonzero(customers.is_late)
    late_orders = np.flatnonzero(late)
    customer[late_orders] = late_customers[: late_orders.size]
    placed[late_orders] = customers.created[customer[late_orders]] + rng.integers(
        HOUR, 15 * HOUR, late_orders.size
    )
    order = np.argsort(placed, kind="stable")
    placed, ring, late, customer = placed[order], ring[order], late[order], customer[order]
    address = customers.address.at(customer, placed)
    market = customers.address_market[address]
    channel = pick(rng, [CHANNEL_SHARES[c] for c in reference.channels], size)
    second = rng.random(size) < 0.2
    own = 2 * customers.person[customer] + second  # the devices are the person's, not the account's
    device = np.where(channel == reference.channels.index("telephone"), -1, own)
    return Orders(
        placed=placed,
        day=plan.day_of(placed),
        customer=customer,
        address=address,
        market=market,
        currency=reference.market_currency[market],
        channel=np.where(ring >= 0, reference.channels.index("direct"), channel),
        device=np.where(ring >= 0, 2 * customers.size + ring, device),
        ring=ring,
        is_late_customer=late,
    )


def _instants(
    plan: Plan, reference: Reference, customers: Customers, rng: np.random.Generator
) -> tuple[Ints, Ints, Bools]:
    """Instants, fraud rings and places for late customers, not sorted."""
    size = plan.sizes.orders
    last_days = np.repeat(np.arange(plan.days - plan.loads, plan.days), 6)
    counts = spread(size - last_days.size, day_weights(plan, reference) * _noise(plan))
    day = np.concatenate([last_days, np.repeat(np.arange(plan.days), counts)])
    placed = plan.instants(rng, day)

    # A ring orders within one hour of one night, early enough for its chargebacks to mature later.
    ring = np.full(size, -1, dtype=np.int64)
    history = rng.permutation(np.flatnonzero(day < plan.days - plan.loads))
    rings = min(plan.share(3, 2_000, 1), history.size // _RING)
    members = history[: rings * _RING].reshape(rings, _RING)
    night = plan.day_starts[day[members[:, 0]]] + rng.integers(HOUR, 4 * HOUR, rings)
    ring[members] = np.arange(rings)[:, None]
    placed[members] = night[:, None] + rng.integers(0, 45 * MINUTE, members.shape)

    late_day = np.flatnonzero((day == max(0, plan.days - 2)) & (ring < 0))
    late = flags(size, draw(rng, late_day, int(customers.is_late.sum())))
    return placed, ring, late


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
    ring: Ints,
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

    # Half of the fraud comes from accounts that are days old.
    fraud = np.flatnonzero((ring >= 0) & (ring % 2 == 0))
    newest = registered[fraud] - 1
    usable = (weight[newest] > 0) & (customers.active_until[newest] > placed[fraud])
    customer[fraud[usable]] = newest[usable]
    return customer


def calendar_truth(plan: Plan, reference: Reference) -> pl.DataFrame:
    """How busy each business day was planned to be."""
    return pl.DataFrame(
        {
            "date": [plan.date(day) for day in range(plan.days)],
            "weight": day_weights(plan, reference),
        }
    )
