"""When the visits of a day happen, who shares a device, and from which event on they are logged in.

Visits on one device never overlap: whoever would be in the way comes as a stranger on a new device.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ingest.simulator.arrays import HOUR, MINUTE, Bools, Ints, draw, flags
from ingest.simulator.clicks import BUY, CHECK, PERSON, RUNAWAY, Clicks, make_clicks
from ingest.simulator.edges import EDGES
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.purchases import LONGEST_PURCHASE
from ingest.simulator.visitors import STRANGER, Visitors, agents
from ingest.simulator.visits import Visits
from ingest.simulator.vocabulary import DEVICE_KINDS

NEVER_LOGS_IN = 1 << 20
_SHIFT = 32
_APP = DEVICE_KINDS.index("app")
_APP_STAYS_IN, _LOGS_IN = 0.6, 0.55
_PAIRS_PER_VISIT = 1 / 200
_HANDOVER = (MINUTE, 8 * MINUTE)


@dataclass(frozen=True)
class Layout:
    """Visits with their events, from which event on (by position in the visit) each visitor is
    logged in, and which visits continue the session of another member of the household."""

    visits: Visits
    clicks: Clicks
    login: Ints
    is_shared: Bools

    @property
    def end(self) -> Ints:
        """The instant of the last event of each visit."""
        return self.visits.start + self.clicks.duration


class Layouts:
    """Lays out one day after the other; remembers who was still there at midnight."""

    def __init__(self, plan: Plan, visitors: Visitors, orders: Orders) -> None:
        self._plan = plan
        self._visitors = visitors
        self._orders = orders
        web = orders.device >= 0
        self._purchases = np.sort((orders.device[web] << _SHIFT) + orders.placed[web])
        self._late_device = self._late_end = np.zeros(0, dtype=np.int64)

    def lay_out(
        self, rng: np.random.Generator, visits: Visits, most_seconds: Ints, day: int
    ) -> Layout:
        """The day; the first visits are the purchases, which last at most so many seconds."""
        clicks = _spaced(make_clicks(rng, visits.counts, visits.nature), visits, most_seconds)
        visits = replace(visits, start=self._starts(rng, visits, clicks.duration, day))
        visits, one, two = self._share_devices(rng, visits, clicks.duration, day)
        visits, moved = self._keep_apart(visits, clicks.duration)
        one, two = (part[~moved[one] & ~moved[two]] for part in (one, two))
        login = _logins(rng, visits, flags(visits.size, np.concatenate([one, two])))
        layout = Layout(visits, clicks, login, flags(visits.size, two))
        over = layout.end >= self._plan.day_starts[day + 1]
        self._late_device, self._late_end = visits.device[over], layout.end[over]
        return layout

    def _starts(self, rng: np.random.Generator, visits: Visits, duration: Ints, day: int) -> Ints:
        """When each visit starts: so that purchases end with their order, all before the end."""
        day_start = int(self._plan.day_starts[day])
        start = np.where(visits.order >= 0, self._orders.placed[visits.order] - duration, -1)
        start = np.where(visits.start >= 0, visits.start, start)
        crawls = np.flatnonzero(visits.nature == RUNAWAY)  # well within an hour of the clock
        start[crawls] = day_start + rng.integers(7, 21, crawls.size) * HOUR
        start[crawls] += rng.integers(0, 10 * MINUTE, crawls.size)
        others = np.flatnonzero(start < 0)
        start[others] = self._plan.instants(rng, np.full(others.size, day))
        latest: Ints = np.minimum(start, self._plan.end - 1 - duration)
        return latest

    def _share_devices(
        self, rng: np.random.Generator, visits: Visits, duration: Ints, day: int
    ) -> tuple[Visits, Ints, Ints]:
        """Lets some visits follow within minutes on the device of another member of the household.

        Both come through one channel, so that the rule of sessions sees one session. Returns the
        visits, and the positions of the earlier and of the later ones.
        """
        known = self._visitors.are_known(int(self._plan.day_starts[day]))
        partner = np.where(
            visits.customer >= 0, self._visitors.partner[np.maximum(visits.customer, 0)], -1
        )
        is_plain = (visits.nature == PERSON) & (visits.order < 0) & (visits.edge < 0)
        leads = is_plain & (partner >= 0) & known[np.maximum(partner, 0)]
        follows = is_plain & (visits.customer == STRANGER)
        plain = np.flatnonzero(leads | follows)
        plain = plain[np.argsort(visits.kind[plain] * 64 + visits.channel[plain], kind="stable")]
        one, two = plain[:-1], plain[1:]
        gap = rng.integers(*_HANDOVER, one.size)
        at = visits.start[one] + duration[one] + gap
        fits = leads[one] & follows[two] & (visits.kind[one] == visits.kind[two])
        fits &= visits.channel[one] == visits.channel[two]
        fits &= at + duration[two] < self._plan.day_starts[day + 1]
        count = max(1, round(_PAIRS_PER_VISIT * visits.size))
        chosen = draw(rng, np.flatnonzero(fits), count)
        one, two = one[chosen], two[chosen]
        customer, device, start = visits.customer.copy(), visits.device.copy(), visits.start.copy()
        customer[two], device[two], start[two] = partner[one], visits.device[one], at[chosen]
        agent = visits.agent.copy()
        agent[two] = visits.agent[one]
        shared = replace(visits, customer=customer, device=device, start=start, agent=agent)
        return shared, one, two

    def _keep_apart(self, visits: Visits, duration: Ints) -> tuple[Visits, Bools]:
        """Moves visits that overlap another one on their device; returns the moved ones as well."""
        moved = np.zeros(visits.size, dtype=np.bool_)
        is_fixed = (visits.order >= 0) | (visits.edge >= 0)
        device = visits.device.copy()
        clash = _overlaps(device, visits.start, duration)
        clash |= self._near_purchase(visits, duration) | self._since_yesterday(visits)
        clash &= ~is_fixed
        while clash.any():
            device[clash] = self._visitors.fresh(int(clash.sum()))
            moved |= clash
            clash = _overlaps(device, visits.start, duration) & ~is_fixed
        people = moved & (visits.nature == PERSON)
        agent = visits.agent.copy()
        agent[people] = agents(visits.kind[people], device[people])
        return (
            replace(
                visits,
                device=device,
                agent=agent,
                customer=np.where(moved, STRANGER, visits.customer),
                touch=np.where(moved, -1, visits.touch),
            ),
            moved,
        )

    def _near_purchase(self, visits: Visits, duration: Ints) -> Bools:
        """Visits during which, or soon after which, an order is placed on the same device."""
        if not self._purchases.size:
            return np.zeros(visits.size, dtype=np.bool_)
        key = (visits.device << _SHIFT) + visits.start
        following = np.searchsorted(self._purchases, key, side="left")
        last = np.minimum(following, self._purchases.size - 1)
        limit = key + duration + LONGEST_PURCHASE
        near: Bools = (following < self._purchases.size) & (self._purchases[last] <= limit)
        return near

    def _since_yesterday(self, visits: Visits) -> Bools:
        """Visits that begin before one of the day before has ended on the same device."""
        order = np.argsort(self._late_device, kind="stable")
        device, end = self._late_device[order], self._late_end[order]
        if not device.size:
            return np.zeros(visits.size, dtype=np.bool_)
        row = np.minimum(np.searchsorted(device, visits.device), device.size - 1)
        still: Bools = (device[row] == visits.device) & (visits.start <= end[row])
        return still


def _spaced(clicks: Clicks, visits: Visits, most_seconds: Ints) -> Clicks:
    """Gives the edges their gaps, and hurries purchases that would last too long."""
    edges = np.flatnonzero(visits.edge >= 0).tolist()
    elapsed = {visit: EDGES[visits.edge[visit]].elapsed() for visit in edges}
    length = np.diff(clicks.first)
    hurried = np.flatnonzero(clicks.duration[: most_seconds.size] > most_seconds)
    for visit in hurried.tolist():
        size = int(length[visit])
        elapsed[visit] = np.arange(size) * int(most_seconds[visit]) // size
    return clicks.respaced(elapsed)


def _overlaps(device: Ints, start: Ints, duration: Ints) -> Bools:
    """Visits that begin before the one before has ended on the same device."""
    order = np.lexsort((start, device))
    end = (start + duration)[order]
    again = np.flatnonzero(device[order][1:] == device[order][:-1])
    clash = np.zeros(device.size, dtype=np.bool_)
    clash[order[again + 1]] = start[order][again + 1] <= end[again]
    return clash


def _logins(rng: np.random.Generator, visits: Visits, both: Bools) -> Ints:
    """The position of the event from which on a visit is logged in; strangers never are.

    Half of the customers log in on the way, most of those in the app are logged in all the time,
    buyers are by the checkout, and `both` of a household within moments.
    """
    length = visits.counts.sum(axis=1)
    buys = visits.order >= 0
    before = np.where(buys, length - visits.counts[:, [CHECK, BUY]].sum(axis=1), length - 1)
    login = 1 + (rng.random(visits.size) * before).astype(np.int64)
    stays_out = ~buys & ((rng.random(visits.size) >= _LOGS_IN) | (length == 1))
    login[stays_out] = NEVER_LOGS_IN
    login[(visits.kind == _APP) & (rng.random(visits.size) < _APP_STAYS_IN)] = 0
    login = np.where(both, np.minimum(1, length - 1), login)
    return np.where(visits.customer >= 0, login, NEVER_LOGS_IN)
