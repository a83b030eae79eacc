"""What the payment gateway says of an attempt: risk score, countries and response code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ingest.simulator.arrays import DAY, Bools, Ints
from ingest.simulator.customers import Customers
from ingest.simulator.fraud import BLATANT, SLY, TAKEOVER
from ingest.simulator.lifecycle import CARD
from ingest.simulator.orders import Orders
from ingest.simulator.payments import CODES, Payments
from ingest.simulator.plan import Plan
from ingest.simulator.vocabulary import FOREIGN_COUNTRIES, MARKETS

_USUAL, _ODD = (1.4, 11.0), (2.0, 8.0)
"""Beta distributions of the risk score of honest payments; the odd ones look riskier."""
_SLY_SCORE, _TAKEOVER_SCORE = (2.8, 5.2), (2.2, 5.0)
_NEW = 7 * DAY


def judge(
    plan: Plan, customers: Customers, orders: Orders, payments: Payments, cards: Ints
) -> Payments:
    """The same payments with the gateway's answer; risk in 1/1,000, countries by position.

    `cards` holds the card of each order.
    """
    rng = plan.rng("gateway")
    size = payments.size
    order = payments.order
    issuer, network = _countries(rng, customers, orders, cards)
    return replace(
        payments,
        code=np.where(payments.is_declined, rng.integers(1, len(CODES), size), 0),
        risk=_scores(rng, customers, orders, payments, issuer[order] != orders.market[order]),
        issuer=np.where(payments.method == CARD, issuer[order], -1),
        network=network[order],
    )


def _countries(
    rng: np.random.Generator, customers: Customers, orders: Orders, cards: Ints
) -> tuple[Ints, Ints]:
    """Where the card and the network address of each order come from.

    One ring uses one stolen card or one batch of them, so its issuer stays the same: always foreign
    for blatant rings, for two of five sly ones. Of the customers' cards one in 40 is foreign.
    """
    kind, ring = orders.fraud.kind, orders.fraud.ring
    foreign = len(MARKETS) + rng.integers(0, len(FOREIGN_COUNTRIES), orders.size)
    # The last two foreign countries are markets too: no fraudster uses those.
    of_ring = len(MARKETS) + ring % (len(FOREIGN_COUNTRIES) - 2)
    is_foreign_ring = rng.random(ring.max(initial=0) + 1) < 0.4
    steals_abroad = (kind == BLATANT) | ((kind == SLY) & is_foreign_ring[ring])
    issuer = len(MARKETS) + rng.integers(0, len(FOREIGN_COUNTRIES), customers.size)
    is_foreign = rng.random(customers.size) < 0.025
    own = np.where(cards < customers.size, cards, 0)
    is_own_foreign = (cards < customers.size) & is_foreign[own]
    usual = np.where(is_own_foreign, issuer[own], orders.market)
    hides = rng.random(orders.size) < np.select([kind == SLY, kind == TAKEOVER], [0.3, 0.4], 0.0)
    is_abroad = orders.lookalikes.traveller | hides
    network = np.where(is_abroad, foreign, orders.market)
    return (
        np.where(steals_abroad, of_ring, usual),
        np.where(kind == BLATANT, of_ring, network),
    )


def _scores(
    rng: np.random.Generator,
    customers: Customers,
    orders: Orders,
    payments: Payments,
    is_international: Bools,
) -> Ints:
    """Risk scores in 1/1,000: high for blatant fraud, a little raised for whatever looks odd."""
    order = payments.order
    kind = orders.fraud.kind[order]
    is_new = payments.begun - customers.created[orders.customer[order]] < _NEW
    looks = orders.lookalikes
    is_odd = is_new | is_international | looks.traveller[order] | looks.large_basket[order]
    shapes = np.select(
        [kind[:, None] == SLY, kind[:, None] == TAKEOVER, is_odd[:, None]],
        [_SLY_SCORE, _TAKEOVER_SCORE, _ODD],
        _USUAL,
    )
    score: Ints = (rng.beta(shapes[:, 0], shapes[:, 1]) * 1_000).astype(np.int64)
    slips_through = rng.random(payments.size) < 0.15
    high = np.where(
        slips_through,
        rng.integers(100, 500, payments.size),
        rng.integers(760, 990, payments.size),
    )
    return np.where(kind == BLATANT, high, score)
