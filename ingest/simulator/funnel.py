"""How far visits go: from a page to a product, the cart, the checkout and the purchase.

Each step is continued with a probability of its own for each device kind and channel. Purchases are
those of real orders, so the probabilities are lifted or lowered together until the visits they ask
for fill the planned number of events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import Floats, Ints
from ingest.simulator.text import words
from ingest.simulator.vocabulary import DEVICE_KINDS

STEPS = ("product_view", "add_to_cart", "checkout", "purchase")
PAGES, PRODUCTS, CART, CHECKOUT, PURCHASE = range(5)
"""How far a visit goes."""

_BASE = (0.62, 0.42, 0.52, 0.62)
_BY_KIND = {
    "desktop": (1.05, 1.10, 1.20, 1.25),
    "mobile": (0.95, 0.90, 0.80, 0.75),
    "tablet": (1.00, 1.05, 0.95, 0.95),
    "app": (1.20, 1.15, 1.20, 1.30),
}
_BY_CHANNEL = {
    "direct": (1.10, 1.20, 1.15, 1.10),
    "organic_search": (1.05, 1.00, 1.00, 1.00),
    "paid_search": (1.15, 1.05, 1.00, 1.00),
    "paid_social": (0.75, 0.75, 0.85, 0.85),
    "email": (1.10, 1.25, 1.15, 1.10),
    "affiliate": (1.00, 0.90, 0.90, 0.95),
    "referral": (0.95, 0.95, 1.00, 1.00),
}
"""Odds ratios by step. The telephone brings no visits."""

EXTRA_PAGES, SEARCHES, EXTRA_PRODUCTS, EXTRA_CARTS, SECOND_CHECKOUT = 0.8, 0.45, 2.0, 0.35, 0.15
"""Mean events of a visit beyond those that its steps ask for."""
_OTHER_EVENTS = np.cumsum(
    [1 + EXTRA_PAGES + SEARCHES, 1 + EXTRA_PRODUCTS, 1 + EXTRA_CARTS, 1 + SECOND_CHECKOUT]
)
_SHIFTS = (-8.0, 8.0)


@dataclass(frozen=True)
class Funnel:
    """`probability` is steps x device kinds x channels; kinds and channels are one cell below.

    `others` is how many visits without a purchase are expected in each cell, `until` the running
    shares of how far they go (cells x 4), `mean_events` their mean length.
    """

    channels: tuple[str, ...]
    probability: Floats
    others: Floats
    until: Floats
    mean_events: float

    @classmethod
    def fit(
        cls, channels: tuple[str, ...], kind: Ints, channel: Ints, sizes: Ints, events: int
    ) -> Funnel:
        """The funnel in which purchase visits of the given kinds, channels and lengths are as many
        of all as the probabilities say, and all visits together have about `events` events."""
        buyers = _expected(kind, channel, len(channels))
        left = max(1.0, events - float(sizes.sum()))
        low, high = _SHIFTS
        for _ in range(50):  # fewer visits per purchase, so fewer events, the higher the shift
            shift = (low + high) / 2
            others, ends = _others(_probabilities(channels, shift), buyers)
            if float(others.ravel() @ (ends @ _OTHER_EVENTS)) > left:
                low = shift
            else:
                high = shift
        probability = _probabilities(channels, high)
        others, ends = _others(probability, buyers)
        share = others.ravel() / others.sum()
        return cls(
            channels=channels,
            probability=probability,
            others=others,
            until=np.cumsum(ends, axis=1),
            mean_events=float(share @ (ends @ _OTHER_EVENTS)),
        )

    def depth(self, rng: np.random.Generator, cell: Ints) -> Ints:
        """How far visits of cells go that end without a purchase: PAGES to CHECKOUT."""
        u = rng.random(cell.size)
        depth: Ints = (self.until[cell][:, :3] <= u[:, None]).sum(axis=1)
        return depth

    def truth(self) -> pl.DataFrame:
        """One row per step, device kind and channel that brings visits: the share of the visits of
        people which got as far as the step before that also get to this one."""
        step, kind, channel = np.nonzero(
            np.broadcast_to(self.others > 0, (len(STEPS), *self.others.shape))
        )
        return pl.DataFrame(
            {
                "step": words(STEPS, step),
                "device_kind": words(DEVICE_KINDS, kind),
                "channel_id": words(self.channels, channel),
                "probability": self.probability[step, kind, channel],
            }
        )


def _expected(kind: Ints, channel: Ints, channels: int) -> Floats:
    """Purchases by device kind and channel, which do not depend on each other."""
    kinds = np.bincount(kind, minlength=len(DEVICE_KINDS)) + 0.5
    by_channel = np.bincount(channel, minlength=channels) + 0.5
    total = max(1, kind.size)
    expected: Floats = total * np.outer(kinds / kinds.sum(), by_channel / by_channel.sum())
    return expected


def _probabilities(channels: tuple[str, ...], shift: float) -> Floats:
    """Steps x device kinds x channels, all log odds moved by `shift`."""
    base = np.array(_BASE)[:, None, None]
    by_kind = np.array([_BY_KIND[name] for name in DEVICE_KINDS]).T[:, :, None]
    by_channel = np.array([_BY_CHANNEL.get(name, (0.0,) * 4) for name in channels]).T[:, None, :]
    odds = base / (1 - base) * by_kind * by_channel * np.exp(shift)
    probability: Floats = odds / (1 + odds)
    return probability


def _others(probability: Floats, buyers: Floats) -> tuple[Floats, Floats]:
    """Visits without a purchase by cell, and the shares of them that end at each depth."""
    reached = np.cumprod(probability, axis=0)
    bought = reached[-1]
    visits = np.divide(buyers, bought, out=np.zeros_like(buyers), where=bought > 0)
    ends = np.stack([1 - probability[0], *(reached[:-1] * (1 - probability[1:]))])
    shares = ends / np.maximum(1 - bought, 1e-12)
    return visits * (1 - bought), shares.reshape(4, -1).T
