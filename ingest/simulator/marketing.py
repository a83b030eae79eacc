"""Campaigns: what they cost by day, and which customers were chosen for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import DAY, HOUR, NEVER, Ints, draw
from ingest.simulator.customers import Customers
from ingest.simulator.orders import day_weights
from ingest.simulator.plan import Plan
from ingest.simulator.reference import Reference
from ingest.simulator.text import ids, iso, money, words

_DAILY_SPEND = {"paid_search": 16_000, "paid_social": 11_000, "affiliate": 4_500}
"""Cents of EUR on a day of the size of scale 1; other paid channels spend 2,000."""
_CAMPAIGN_DAYS = 14
_CAMPAIGN_EVERY = 60


@dataclass(frozen=True)
class Campaign:
    """A mail campaign with a control group: business days `[first, last)`."""

    campaign_id: str
    first: int
    last: int


def campaigns(plan: Plan) -> list[Campaign]:
    """The mail campaigns: two weeks every 60 days, the last one ending with the calendar."""
    length = min(_CAMPAIGN_DAYS, plan.days)
    starts = sorted(range(plan.days - length, -1, -_CAMPAIGN_EVERY))
    return [Campaign(f"crm_{i + 1:03d}", start, start + length) for i, start in enumerate(starts)]


def running_campaigns(plan: Plan, reference: Reference) -> tuple[tuple[str, ...], Ints]:
    """The names of all campaigns, and days x channels: which one brings visits (-1: none)."""
    names: dict[str, int] = {}
    running = np.full((plan.days, len(reference.channels)), -1, dtype=np.int64)
    for day in range(plan.days):
        for name in reference.paid_channels:
            campaign = f"{name}_{plan.date(day):%Y%m}"
            position = names.setdefault(campaign, len(names))
            running[day, reference.channels.index(name)] = position
    for mail in reversed(campaigns(plan)):
        position = names.setdefault(mail.campaign_id, len(names))
        running[mail.first : mail.last, reference.channels.index("email")] = position
    return tuple(names), running


def spend_rows(plan: Plan, reference: Reference) -> tuple[pl.DataFrame, Ints]:
    """Rows of the marketing_spend extract, and the load of each."""
    rng = plan.rng("spend")
    weight = day_weights(plan, reference)
    weight = weight / weight.mean() * plan.sizes.orders / 100_000 * 730 / plan.days
    rows: list[dict[str, object]] = []
    days: list[int] = []
    for day in range(plan.days):
        date = plan.date(day)
        running = [(channel, f"{channel}_{date:%Y%m}") for channel in reference.paid_channels]
        running += [("email", c.campaign_id) for c in campaigns(plan) if c.first <= day < c.last]
        for channel, campaign in running:
            level = _DAILY_SPEND.get(channel, 2_000) * weight[day] * rng.lognormal(0, 0.15)
            cents = max(100, int(level))
            clicks = int(rng.poisson(cents / 45))
            rows.append(
                {
                    "spend_date": date.isoformat(),
                    "channel_id": channel,
                    "campaign_id": campaign,
                    "cents": cents,
                    "currency": "EUR",
                    "impressions": clicks * 40 + int(rng.integers(0, 400)),
                    "clicks": clicks,
                }
            )
            days.append(day)
    amount = money(np.array([row["cents"] for row in rows], dtype=np.int64))
    frame = pl.DataFrame(rows).with_columns(amount.alias("amount"))
    columns = [
        "spend_date",
        "channel_id",
        "campaign_id",
        "amount",
        "currency",
        "impressions",
        "clicks",
    ]
    return frame.select(columns), plan.load_of(plan.day_starts[np.array(days)])


def exposure_rows(plan: Plan, customers: Customers) -> tuple[pl.DataFrame, Ints, pl.DataFrame]:
    """Rows of the campaign_exposures extract, the load of each, and how likely treatment was.

    Who is treated depends on tier and consent, which also say who buys: a naive comparison of the
    arms is biased on purpose.
    """
    rng = plan.rng("exposures")
    parts, loads, truth = [], [], []
    for campaign in campaigns(plan):
        start = int(plan.day_starts[campaign.first])
        known = np.flatnonzero((customers.created < start) & ~customers.is_absent.any(axis=0))
        chosen = draw(rng, known, known.size * 3 // 10)
        at = np.full(chosen.size, start)
        tier, consent = customers.tier.at(chosen, at), customers.consent.at(chosen, at)
        propensity = 1 / (1 + np.exp(0.9 - 0.5 * tier - 0.8 * consent))
        treated = rng.random(chosen.size) < propensity
        assigned = start + rng.integers(0, 2 * HOUR, chosen.size)
        seen = assigned + HOUR + (rng.exponential(4 * DAY, chosen.size)).astype(np.int64)
        opens = treated & (rng.random(chosen.size) < 0.85) & (seen < plan.day_starts[campaign.last])
        exposed = np.where(opens, seen, NEVER)
        name = words([campaign.campaign_id], np.zeros_like(chosen))
        parts.append(
            pl.DataFrame(
                {
                    "campaign_id": name,
                    "customer_id": ids("C", chosen),
                    "assigned_at": iso(assigned),
                    "exposed_at": iso(exposed),
                    "arm": words(("control", "treatment"), treated.astype(np.int64)),
                }
            )
        )
        loads.append(plan.load_of(np.where(opens, seen, assigned)))
        truth.append(
            parts[-1].select("campaign_id", "customer_id").with_columns(propensity=propensity)
        )
    return pl.concat(parts), np.concatenate(loads), pl.concat(truth)
