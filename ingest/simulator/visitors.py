"""Who visits, from which device: customers, strangers, members of one household, bots."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from ingest.simulator.arrays import DAY, HOUR, Bools, Ints, pick, scatter
from ingest.simulator.customers import Customers
from ingest.simulator.lookalikes import households
from ingest.simulator.plan import Plan
from ingest.simulator.reference import Reference
from ingest.simulator.vocabulary import (
    AGENTS_BY_KIND,
    BOT_AGENTS,
    DEVICE_SHARES,
    MARKETS,
    USER_AGENTS,
)

STRANGER = -1
BOT_DEVICES = 40
_BOT_SPACE = 1_000
_SECOND_DEVICE = 0.25
_STRANGERS = 0.42
_ATTEMPTS = 2
_MARKET_SHARES = np.array([market.share for market in MARKETS.values()])
_AGENT_COUNTS = np.array([len(agents) for agents in AGENTS_BY_KIND])
_FIRST_AGENT = np.cumsum(_AGENT_COUNTS) - _AGENT_COUNTS
FIRST_BOT_AGENT = len(USER_AGENTS) - len(BOT_AGENTS)


def device_kinds(device: Ints) -> Ints:
    """The kind (position in DEVICE_KINDS) of each device of a customer."""
    u = (scatter(device) >> np.uint64(11)).astype(np.float64) / 2**53
    limit = np.cumsum(DEVICE_SHARES)[:-1]
    kind: Ints = np.searchsorted(limit, u, side="right")
    return kind


def agents(kind: Ints, device: Ints) -> Ints:
    """What each device of a kind says it is, as a position in USER_AGENTS."""
    number = (scatter(device) % np.uint64(1_009)).astype(np.int64)
    agent: Ints = _FIRST_AGENT[kind] + number % _AGENT_COUNTS[kind]
    return agent


class Visitors:
    """Draws customers and devices; devices of strangers come again, fresh ones are new each time.

    Customers have the devices 2 x household and 2 x household + 1, as in their orders.
    """

    def __init__(self, plan: Plan, reference: Reference, customers: Customers) -> None:
        self._customers = customers
        self._reference = reference
        self.household = households(plan, customers)
        self.partner = _partners(self.household, customers.person)
        pool = 3 * customers.size
        self._pool = pool
        self._pool_until = pool + np.round(np.cumsum([0, *DEVICE_SHARES]) * pool).astype(np.int64)
        self._bots = 2 * pool
        self._fresh = 2 * pool + _BOT_SPACE

    def are_known(self, day_start: int) -> Bools:
        """Which customers may visit on a day: registered before it, and still there after it."""
        c = self._customers
        known: Bools = (c.created < day_start) & ~c.is_late & (c.active_until > day_start + DAY)
        return known

    def draw(self, rng: np.random.Generator, day_start: int, kind: Ints) -> tuple[Ints, Ints]:
        """A customer (or STRANGER) and a device of each kind; customers by how much they buy."""
        weight = self._customers.weight * self.are_known(day_start)
        customer = np.full(kind.size, STRANGER)
        device = self._strangers(rng, kind)
        open_visits = np.flatnonzero(rng.random(kind.size) >= _STRANGERS)
        for _ in range(_ATTEMPTS if weight.any() else 0):
            drawn = pick(rng, weight, open_visits.size)
            first = 2 * self.household[drawn]
            wanted = kind[open_visits]
            has_first = device_kinds(first) == wanted
            has_second = device_kinds(first + 1) == wanted
            second = has_second & (~has_first | (rng.random(drawn.size) < _SECOND_DEVICE))
            has_any = has_first | has_second
            customer[open_visits[has_any]] = drawn[has_any]
            device[open_visits[has_any]] = (first + second)[has_any]
            open_visits = open_visits[~has_any]
        return customer, device

    def own(self, rng: np.random.Generator, customer: Ints) -> Ints:
        """One of the two devices of each customer."""
        second = rng.random(customer.size) < _SECOND_DEVICE
        device: Ints = 2 * self.household[customer] + second
        return device

    def fresh(self, count: int) -> Ints:
        """Devices that were never seen before."""
        devices = self._fresh + np.arange(count)
        self._fresh += count
        return devices

    def bots(self, rng: np.random.Generator, count: int) -> tuple[Ints, Ints]:
        """Devices of bots, and what each says it is."""
        number = rng.integers(0, BOT_DEVICES, count)
        return self._bots + number, FIRST_BOT_AGENT + number % len(BOT_AGENTS)

    def offsets(self, customer: Ints, device: Ints, day_start: int) -> Ints:
        """Hours from UTC of each client's clock at noon of a day, by where the visitor lives."""
        c = self._customers
        home = c.address.at(np.maximum(customer, 0), np.full(customer.size, day_start + DAY))
        market = np.where(customer >= 0, c.address_market[home], _market_of_strangers(device))
        noon = datetime.fromtimestamp(day_start + 12 * HOUR, UTC)
        zones = [noon.astimezone(ZoneInfo(n)).utcoffset() for n in self._reference.time_zones]
        hours = [int(zone.total_seconds()) // HOUR for zone in zones if zone is not None]
        return np.array(hours)[market]

    def _strangers(self, rng: np.random.Generator, kind: Ints) -> Ints:
        first, last = self._pool_until[kind], self._pool_until[kind + 1]
        return first + (rng.random(kind.size) * (last - first)).astype(np.int64)


def _partners(household: Ints, person: Ints) -> Ints:
    """Another person's account in the household of each, -1 where there is none."""
    order = np.argsort(household, kind="stable")
    _, first, size = np.unique(household[order], return_index=True, return_counts=True)
    group = np.repeat(np.arange(first.size), size)
    place = np.arange(order.size) - first[group]
    following = order[first[group] + (place + 1) % size[group]]
    partner = np.full(household.size, -1, dtype=np.int64)
    differs = person[order] != person[following]
    partner[order[differs]] = following[differs]
    return partner


def _market_of_strangers(device: Ints) -> Ints:
    u = (scatter(device + 1) >> np.uint64(11)).astype(np.float64) / 2**53
    limit = np.cumsum(_MARKET_SHARES / _MARKET_SHARES.sum())[:-1]
    market: Ints = np.searchsorted(limit, u, side="right")
    return market
