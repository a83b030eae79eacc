"""Honest customers who look like fraudsters: what a rule with one signal must not fall for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import HOUR, Bools, Ints
from ingest.simulator.customers import Customers
from ingest.simulator.plan import Plan
from ingest.simulator.text import ids, words

KINDS = ("night_owl", "traveller", "large_basket", "family_device")


@dataclass(frozen=True)
class Lookalikes:
    """Honest orders by what is odd about them; an order may be several at once."""

    night_owl: Bools
    traveller: Bools
    large_basket: Bools
    family_device: Bools


def households(plan: Plan, customers: Customers) -> Ints:
    """The account whose devices each account uses: the person's first one, or that of a family.

    A tenth of the persons live in families of two or three that share their devices.
    """
    rng = plan.rng("households")
    owner = customers.person.copy()
    persons = rng.permutation(np.unique(owner))[: max(4, owner.size // 10)]
    place = np.arange(persons.size)
    head = np.where(place % 5 < 3, place // 5 * 5, place // 5 * 5 + 3)  # three, then two
    of_person = np.arange(owner.size)
    of_person[persons] = persons[head]
    return of_person[owner]


def shares_card(owner: Ints) -> Bools:
    """Families that pay with one card: every other one."""
    shared: Bools = owner % 2 == 0
    return shared


def stay_up(
    plan: Plan, customers: Customers, customer: Ints, placed: Ints, honest: Bools
) -> tuple[Ints, Bools]:
    """Moves half of the orders of night owls, one customer in 25, into the night before."""
    rng = plan.rng("night owls")
    is_owl = rng.random(customers.size) < 0.04
    midnight = plan.day_starts[plan.day_of(placed)]
    moved = is_owl[customer] & honest & (customers.created[customer] < midnight)
    moved &= rng.random(placed.size) < 0.5
    return np.where(moved, midnight + rng.integers(0, 5 * HOUR, placed.size), placed), moved


def make_lookalikes(
    plan: Plan, customers: Customers, customer: Ints, night_owl: Bools, honest: Bools
) -> Lookalikes:
    """Draws the odd ones among honest orders: 3 % from abroad, 1 % large baskets."""
    rng = plan.rng("lookalikes")
    owner = households(plan, customers)
    is_shared = np.bincount(owner[np.unique(customers.person)], minlength=customers.size) > 1
    return Lookalikes(
        night_owl=night_owl,
        traveller=honest & (rng.random(customer.size) < 0.03),
        large_basket=honest & (rng.random(customer.size) < 0.01),
        family_device=honest & is_shared[owner[customer]],
    )


def lookalike_truth(lookalikes: Lookalikes) -> dict[str, pl.DataFrame]:
    """The honest orders that look odd, one row per order and kind."""
    masks = (getattr(lookalikes, kind) for kind in KINDS)
    rows = [np.flatnonzero(mask) for mask in masks]
    kind = np.repeat(np.arange(len(KINDS)), [part.size for part in rows])
    return {
        "fraud_lookalikes": pl.DataFrame(
            {"order_id": ids("O", np.concatenate(rows)), "kind": words(KINDS, kind)}
        )
    }
