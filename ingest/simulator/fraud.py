"""Fraud: rings that burst at night, rings that take their time, and accounts taken over.

A blatant ring is three orders within an hour of one night on one device and card. A sly ring is
four to eight orders of several accounts over one to ten days, which share a device, a card or both,
some at one address. A takeover is one large order of an old good account from a new device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.simulator.arrays import DAY, HOUR, MINUTE, Bools, Ints, draw
from ingest.simulator.customers import Customers
from ingest.simulator.plan import Plan

KINDS = ("blatant", "sly", "takeover", "friendly")
BLATANT, SLY, TAKEOVER, FRIENDLY = range(4)
HONEST = -1
_BLATANT_SIZE = 3
_SLY_SIZES = (4, 9)
_SLY_DAYS = 10
_SLY_ACCOUNTS = 4
_OLD = 180 * DAY


@dataclass(frozen=True)
class Fraud:
    """By order: the `kind` (HONEST for most) and the number of the `ring`, -1 where there is none.

    Friendly fraud has no place here: nothing about those orders is special before the chargeback.
    """

    kind: Ints
    ring: Ints

    def take(self, order: Ints) -> Fraud:
        """The same for orders at positions."""
        return Fraud(self.kind[order], self.ring[order])

    @property
    def is_honest(self) -> Bools:
        """Which orders are no fraud."""
        honest: Bools = self.kind == HONEST
        return honest

    @property
    def shares_device(self) -> Bools:
        """Orders on a device of the ring; two of three sly rings have one."""
        shared: Bools = ~self.is_honest & ((self.kind != SLY) | (self.ring % 3 != 1))
        return shared

    @property
    def shares_card(self) -> Bools:
        """Orders paid with a card of the ring; two of three sly rings have one."""
        shared: Bools = (self.kind == BLATANT) | ((self.kind == SLY) & (self.ring % 3 != 2))
        return shared

    @property
    def shares_address(self) -> Bools:
        """Orders of sly rings that are sent to one address: half of the rings."""
        shared: Bools = (self.kind == SLY) & (self.ring % 2 == 0)
        return shared


def plant_rings(plan: Plan, placed: Ints, day: Ints) -> tuple[Fraud, Ints]:
    """Makes rings out of orders of the first load, and returns when all orders are placed then."""
    rng = plan.rng("fraud")
    placed = placed.copy()
    kind = np.full(placed.size, HONEST, dtype=np.int64)
    ring = np.full(placed.size, -1, dtype=np.int64)
    last_day = plan.days - plan.loads - 1
    history = rng.permutation(np.flatnonzero(day <= last_day))

    count = min(plan.share(3, 2_000), history.size // _BLATANT_SIZE)
    members = history[: count * _BLATANT_SIZE].reshape(count, _BLATANT_SIZE)
    night = plan.day_starts[day[members[:, 0]]] + rng.integers(HOUR, 4 * HOUR, count)
    kind[members] = BLATANT
    ring[members] = np.arange(count)[:, None]
    placed[members] = night[:, None] + rng.integers(0, 45 * MINUTE, members.shape)

    left = history[members.size :]
    sizes = rng.integers(*_SLY_SIZES, plan.share(3, 2_000))
    sizes = sizes[np.cumsum(sizes) <= left.size]
    sly = left[: sizes.sum()]
    number = np.repeat(np.arange(sizes.size), sizes)
    first = day[left[np.cumsum(sizes) - sizes]]
    span = rng.integers(1, _SLY_DAYS + 1, sizes.size)
    sly_day = first[number] + rng.integers(0, 1 << 20, sly.size) % span[number]
    kind[sly] = SLY
    ring[sly] = count + number
    placed[sly] = plan.instants(rng, np.minimum(sly_day, last_day))
    return Fraud(kind, ring), placed


def ring_accounts(
    plan: Plan, customers: Customers, fraud: Fraud, placed: Ints, customer: Ints
) -> Ints:
    """The accounts behind the orders: rings prefer young ones.

    Half of the blatant rings use the newest account; a sly ring spreads over two to four, of which
    most are some weeks old.
    """
    rng = plan.rng("fraud accounts")
    customer = customer.copy()
    usable = (customers.weight > 0) & ~customers.is_late
    blatant = np.flatnonzero((fraud.kind == BLATANT) & (fraud.ring % 2 == 0))
    newest = np.searchsorted(customers.created, placed[blatant], side="left") - 1
    fits = usable[newest] & (customers.active_until[newest] > placed[blatant])
    customer[blatant[fits]] = newest[fits]

    sly = np.flatnonzero(fraud.kind == SLY)
    sly = sly[np.lexsort((placed[sly], fraud.ring[sly]))]
    cuts = np.flatnonzero(np.diff(fraud.ring[sly])) + 1
    for members in np.split(sly, cuts) if sly.size else []:
        first, last = placed[members[0]], placed[members[-1]]
        is_young = rng.random(12) < 0.7
        age = np.where(is_young, rng.exponential(40 * DAY, 12), rng.uniform(0, 900 * DAY, 12))
        drawn = np.searchsorted(customers.created, first - age, side="left") - 1
        drawn = drawn[(drawn >= 0) & usable[drawn] & (customers.active_until[drawn] > last)]
        accounts = rng.permutation(np.unique(drawn))[: rng.integers(2, _SLY_ACCOUNTS + 1)]
        if accounts.size > 1:
            customer[members] = accounts[np.arange(members.size) % accounts.size]
    return customer


def take_over(
    plan: Plan, customers: Customers, fraud: Fraud, placed: Ints, customer: Ints
) -> Fraud:
    """Makes takeovers out of orders, sorted by time, that are not the first of an old account."""
    rng = plan.rng("takeovers")
    _, first = np.unique(customer, return_index=True)
    is_repeat = np.ones(placed.size, dtype=np.bool_)
    is_repeat[first] = False
    able = is_repeat & fraud.is_honest & (placed - customers.created[customer] > _OLD)
    able &= plan.day_of(placed) < plan.days - plan.loads
    chosen = draw(rng, np.flatnonzero(able), plan.share(4, 2_000))
    kind, ring = fraud.kind.copy(), fraud.ring.copy()
    kind[chosen] = TAKEOVER
    ring[chosen] = ring.max(initial=-1) + 1 + np.arange(chosen.size)
    return Fraud(kind, ring)
