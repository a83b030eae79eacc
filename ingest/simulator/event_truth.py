"""What was planted in the events, told beside them: sessions, visits, journeys, the propensity.

The sessions are cut here by the rule itself, over the events as they happened and with all visitors
known; what the warehouse makes of the delivered rows is checked against them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl

from ingest.simulator.arrays import HOUR, Bools, Ints
from ingest.simulator.clicks import BOT, LOOK, PUT
from ingest.simulator.customers import Customers
from ingest.simulator.edges import EDGES, HALF_AN_HOUR
from ingest.simulator.files import Files
from ingest.simulator.layout import Layout
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.text import ids, tokens, words
from ingest.simulator.vocabulary import DEVICE_KINDS

LONGEST_SESSION = 12 * HOUR
RUNAWAY_EVENTS = 300
_WEEK = 7
_NATURES = ("human", "bot", "runaway")
_LOOKS = ("0", "1-2", "3-9", "10+")
_LEAST_LOOKS = (1, 3, 10)
_SHARED = "shared_device"


def cut_sessions(device: Ints, at: Ints, day: Ints, campaign: Ints) -> Ints:
    """The session of each event, numbered from 0; events are sorted by device and time.

    A session ends before a gap of more than 30 minutes, another business day, another campaign (a
    number for the pair of channel and campaign), and before the first event that is more than 12
    hours after its own first one.
    """
    starts = np.ones(device.size, dtype=np.bool_)
    starts[1:] = (
        (device[1:] != device[:-1])
        | (at[1:] - at[:-1] > HALF_AN_HOUR)
        | (day[1:] != day[:-1])
        | (campaign[1:] != campaign[:-1])
    )
    first = np.flatnonzero(starts)
    last = np.append(first[1:], device.size) - 1
    for long in np.flatnonzero(at[last] - at[first] > LONGEST_SESSION).tolist():
        begin, stop = int(first[long]), int(last[long]) + 1
        while True:
            begin += int(np.searchsorted(at[begin:stop], at[begin] + LONGEST_SESSION, "right"))
            if begin >= stop:
                break
            starts[begin] = True
    session: Ints = np.cumsum(starts) - 1
    return session


def runaways(session: Ints, at: Ints) -> Bools:
    """By session: whether any hour of it has more than 300 events."""
    result = np.zeros(int(session[-1]) + 1 if session.size else 0, dtype=np.bool_)
    ahead = session[RUNAWAY_EVENTS:] == session[:-RUNAWAY_EVENTS]
    ahead &= at[RUNAWAY_EVENTS:] - at[:-RUNAWAY_EVENTS] < HOUR
    result[session[:-RUNAWAY_EVENTS][ahead]] = True
    return result


class EventTruth:
    """Writes the truth about events day by day; the tables are complete when the block ends."""

    def __init__(
        self,
        plan: Plan,
        orders: Orders,
        customers: Customers,
        channels: tuple[str, ...],
        campaigns: tuple[str, ...],
        write: dict[str, Callable[[pl.DataFrame], None]],
    ) -> None:
        self._plan = plan
        self._orders = orders
        self._created = customers.created
        self._channels = channels
        self._campaigns = campaigns
        self._write = write
        self._sessions_of_device = np.zeros(0, dtype=np.int64)
        self._touches = np.zeros(orders.size, dtype=np.int64)
        self._looks: list[Ints] = []
        self._carts: list[Ints] = []
        self._propensity = np.zeros((len(_LOOKS), 2, 2), dtype=np.int64)

    def sessions(self, events: pl.DataFrame, event_id: pl.Series) -> None:
        """The truth `event_sessions`: the events of whole business days that can be read.

        `session_number` counts the sessions of a device from 1. `customer_id` is who it really is,
        logged in or not. `is_bot` says that the client declares it, `is_runaway` that the session
        has more than 300 events in an hour.
        """
        row = np.flatnonzero(events["flaw"].to_numpy() == 0)
        device, at = events["device"].to_numpy()[row], events["at"].to_numpy()[row]
        row = row[np.lexsort((row, at, device))]
        device, at = events["device"].to_numpy()[row], events["at"].to_numpy()[row]
        campaign = events["channel"].to_numpy()[row] * (len(self._campaigns) + 1)
        campaign = campaign + events["campaign"].to_numpy()[row]
        session = cut_sessions(device, at, self._plan.day_of(at), campaign)
        self._write["event_sessions"](
            pl.DataFrame(
                {
                    "event_id": event_id.gather(row),
                    "visit_id": ids("V", events["visit"].to_numpy()[row], 9),
                    "session_number": self._numbers(device, session)[session],
                    "is_bot": events["nature"].to_numpy()[row] == BOT,
                    "is_runaway": runaways(session, at)[session],
                    "customer_id": ids("C", events["customer"].to_numpy()[row]),
                }
            )
        )

    def _numbers(self, device: Ints, session: Ints) -> Ints:
        """The number of each session within its device, from 1, over all days."""
        first = np.flatnonzero(np.append(True, session[1:] != session[:-1])[: session.size])
        of_session = device[first]
        most = int(of_session[-1]) + 1 if of_session.size else 0
        known = self._sessions_of_device
        if most > known.size:
            known = np.concatenate([known, np.zeros(most - known.size, dtype=np.int64)])
        begin = np.searchsorted(of_session, of_session, side="left")
        number: Ints = known[of_session] + np.arange(of_session.size) - begin + 1
        known[of_session] = number
        self._sessions_of_device = known
        return number

    def deliveries(self, planted: pl.DataFrame) -> None:
        """The truth `event_deliveries`, as the delivery planted it."""
        self._write["event_deliveries"](planted)

    def visits(self, layout: Layout, campaign: Ints, first: int) -> None:
        """The truths `visits` and `order_touches` of one day, whose visits are numbered from first.

        `planted` names what a visit was planted for. Several visits may be one session, and one
        visit several. A touch is a planted step to an order, the purchase itself the last one;
        customers look around by chance besides.
        """
        v = layout.visits
        number = ids("V", first + np.arange(v.size), 9)
        names = (*(edge.name for edge in EDGES), _SHARED)
        started = pl.Series(v.start * 1000).cast(pl.Datetime("ms"))
        channel = words(self._channels, v.channel)
        self._write["visits"](
            pl.DataFrame(
                {
                    "visit_id": number,
                    "device_id": tokens("dev_", v.device),
                    "customer_id": ids("C", v.customer),
                    "channel_id": channel,
                    "campaign_id": words(self._campaigns, campaign),
                    "device_kind": words(DEVICE_KINDS, v.kind),
                    "started_at": started,
                    "ended_at": pl.Series(layout.end * 1000).cast(pl.Datetime("ms")),
                    "events": v.counts.sum(axis=1),
                    "kind": words(_NATURES, v.nature),
                    "order_id": ids("O", v.order),
                    "planted": words(names, np.where(layout.is_shared, len(EDGES), v.edge)),
                }
            )
        )
        order = np.where(v.order >= 0, v.order, v.touch)
        rows = np.flatnonzero(order >= 0)
        rows = rows[np.lexsort((v.start[rows], order[rows]))]
        order = order[rows]
        position = self._touches[order] + np.arange(rows.size) + 1
        position -= np.searchsorted(order, order, side="left")
        self._touches[order] = position
        self._write["order_touches"](
            pl.DataFrame(
                {
                    "order_id": ids("O", order),
                    "position": position,
                    "visit_id": number.gather(rows),
                    "channel_id": channel.gather(rows),
                    "touched_at": started.gather(rows),
                    "is_purchase": v.order[rows] >= 0,
                }
            )
        )

    def browsing(self, layout: Layout, day: int) -> None:
        """Counts, for customers at the end of a day, the looks of a week and who then buys."""
        v = layout.visits
        size = self._created.size
        known = np.flatnonzero(v.customer >= 0)
        who = v.customer[known]
        for history, kind in ((self._looks, LOOK), (self._carts, PUT)):
            history.append(np.bincount(who, v.counts[known, kind], size).astype(np.int64))
            del history[:-_WEEK]
        if len(self._looks) < _WEEK or day + _WEEK >= self._plan.days:
            return
        looks = np.searchsorted(_LEAST_LOOKS, np.sum(self._looks, axis=0), side="right")
        has_cart = np.sum(self._carts, axis=0) > 0
        first, last = np.searchsorted(self._orders.day, [day + 1, day + 1 + _WEEK])
        buys = np.zeros(size, dtype=np.int64)
        buys[self._orders.customer[first:last]] = 1
        registered = self._created < self._plan.day_starts[day + 1]
        cell = (4 * looks + 2 * has_cart + buys)[registered]
        shape = self._propensity.shape
        self._propensity += np.bincount(cell, minlength=self._propensity.size).reshape(shape)

    def propensity(self) -> pl.DataFrame:
        """The truth `purchase_propensity`: registered customers at the ends of days, by the product
        views of their last seven days (logged in or not) and whether they put anything into a cart,
        and how many order within the next seven days; whole weeks only."""
        looks, cart = np.indices(self._propensity.shape[:2]).reshape(2, -1)
        return pl.DataFrame(
            {
                "product_views_7d": words(_LOOKS, looks),
                "has_cart_7d": cart == 1,
                "customer_days": self._propensity.sum(axis=2)[looks, cart],
                "buys_next_7d": self._propensity[looks, cart, 1],
            }
        )


@contextmanager
def event_truth(
    plan: Plan,
    files: Files,
    orders: Orders,
    customers: Customers,
    channels: tuple[str, ...],
    campaigns: tuple[str, ...],
) -> Iterator[EventTruth]:
    """Opens the tables that are written day by day."""
    with (
        files.truth_stream("event_sessions") as sessions,
        files.truth_stream("event_deliveries") as deliveries,
        files.truth_stream("visits") as visits,
        files.truth_stream("order_touches") as touches,
    ):
        truth = EventTruth(
            plan,
            orders,
            customers,
            channels,
            campaigns,
            {
                "event_sessions": sessions,
                "event_deliveries": deliveries,
                "visits": visits,
                "order_touches": touches,
            },
        )
        yield truth
    files.truth({"purchase_propensity": truth.propensity()})
