"""How orders are paid: captures, declines, split payments and fraud."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ingest.simulator.arrays import MINUTE, NEVER, Bools, Ints, draw
from ingest.simulator.customers import Customers
from ingest.simulator.delivery import INSERT, OPS, UPDATE, Changes
from ingest.simulator.lifecycle import BANK, METHODS, Lifecycle
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.reference import Reference
from ingest.simulator.text import ids, iso, money, tokens, words
from ingest.simulator.vocabulary import FOREIGN_COUNTRIES, MARKETS

_CARD = METHODS.index("card")
_GIFT = METHODS.index("gift_card")
_STATES = ("pending", "captured", "declined", "refunded")
PENDING, CAPTURED, DECLINED, REFUNDED = range(4)
_CODES = ("00", "05", "51", "14", "54")
_PROVIDERS = ("cardnet", "paypal", "bankline", "internal", "laterpay")


@dataclass(frozen=True)
class Payments:
    """Payment attempts by position, sorted by instant; money in cents of the order's currency.

    `begun` is when the attempt is first seen, `settled` when it is captured or declined (NEVER when
    the calendar ends first), `refunded` when all of it has been paid back.
    """

    order: Ints
    method: Ints
    amount: Ints
    begun: Ints
    settled: Ints
    refunded: Ints
    is_declined: Bools
    is_split: Bools
    cents_off: Ints
    installments: Ints
    code: Ints
    risk: Ints
    issuer: Ints
    network: Ints

    @property
    def size(self) -> int:
        """Number of payment attempts."""
        return self.order.size

    def with_refunds(self, payment: Ints, at: Ints) -> Payments:
        """The same payments, of which some are paid back in full at instants."""
        refunded = self.refunded.copy()
        refunded[payment] = at
        return replace(self, refunded=refunded)

    def main_of(self, orders: int) -> Ints:
        """The larger captured payment of each order, -1 where there is none."""
        main = np.full(orders, -1, dtype=np.int64)
        captured = np.flatnonzero(~self.is_declined & (self.settled < NEVER))
        by_amount = captured[np.argsort(self.amount[captured], kind="stable")]
        main[self.order[by_amount]] = by_amount
        return main

    def captured_by_order(self, orders: int) -> Ints:
        """Captured cents of each order."""
        captured = ~self.is_declined & (self.settled < NEVER)
        amount = np.where(captured, self.amount, 0)
        return np.bincount(self.order, weights=amount, minlength=orders).astype(np.int64)


def make_payments(plan: Plan, orders: Orders, lifecycle: Lifecycle) -> Payments:
    """Exactly the planned number of attempts: one per paid order, one more per unpaid one."""
    rng = plan.rng("payments")
    begun = np.where(lifecycle.method == BANK, orders.placed + MINUTE, lifecycle.paid)
    begun = np.where(lifecycle.paid < NEVER, begun, NEVER)
    paying = np.flatnonzero(begun < plan.end)
    extra = plan.sizes.payments - paying.size
    fraud = _fraud_declines(rng, orders, lifecycle, paying, extra)
    splits = _splits(plan, rng, orders, lifecycle, paying, (extra - fraud.size) // 2)
    usual = _usual_declines(rng, orders, lifecycle, paying, extra - fraud.size - splits.size)
    declines = np.sort(np.concatenate([fraud, usual]))

    first_part = lifecycle.total[splits] * rng.integers(20, 51, splits.size) // 100
    rest = lifecycle.total.copy()
    rest[splits] -= first_part
    off = np.zeros(orders.size, dtype=np.int64)
    wrong = draw(rng, np.setdiff1d(paying[orders.ring[paying] < 0], splits), plan.share(5, 2_000))
    off[wrong] = rng.choice([-3, -2, -1, 1, 2, 3], wrong.size)

    order = np.concatenate([paying, splits, declines])
    method = lifecycle.method[order]
    method[paying.size : paying.size + splits.size] = _GIFT
    amount = np.concatenate([rest[paying] + off[paying], first_part, lifecycle.total[declines]])
    before = _minutes_before(declines)
    start = np.concatenate(
        [begun[paying], lifecycle.paid[splits] - 30, lifecycle.paid[declines] - before]
    )
    is_declined = np.repeat([False, False, True], [paying.size, splits.size, declines.size])
    settled = np.where(is_declined | (method != BANK), start, lifecycle.paid[order])
    by_time = np.lexsort((order, start))
    return _gateway(
        rng,
        orders,
        Payments(
            order=order[by_time],
            method=method[by_time],
            amount=amount[by_time],
            begun=start[by_time],
            settled=np.where(settled < plan.end, settled, NEVER)[by_time],
            refunded=np.full(order.size, NEVER, dtype=np.int64),
            is_declined=is_declined[by_time],
            is_split=(np.isin(order, splits) & ~is_declined)[by_time],
            cents_off=np.where(is_declined, 0, off[order])[by_time],
            installments=np.where(
                method == METHODS.index("pay_later"), rng.choice([3, 6, 12], order.size), 1
            )[by_time],
            code=np.zeros(order.size, dtype=np.int64),
            risk=np.zeros(order.size, dtype=np.int64),
            issuer=np.zeros(order.size, dtype=np.int64),
            network=np.zeros(order.size, dtype=np.int64),
        ),
    )


def _fraud_declines(
    rng: np.random.Generator, orders: Orders, lifecycle: Lifecycle, paying: Ints, most: int
) -> Ints:
    """Two to five declined attempts before each fraudulent capture."""
    fraud = paying[orders.ring[paying] >= 0]
    repeated = np.repeat(fraud, rng.integers(2, 6, fraud.size))
    return repeated[: max(0, most * 3 // 4)]


def _splits(
    plan: Plan,
    rng: np.random.Generator,
    orders: Orders,
    lifecycle: Lifecycle,
    paying: Ints,
    most: int,
) -> Ints:
    """Orders paid partly by gift card."""
    able = (
        (orders.ring[paying] < 0)
        & (lifecycle.paid[paying] < plan.end)
        & (lifecycle.method[paying] == _CARD)
        & ~lifecycle.is_cancelled[paying]
        & ~lifecycle.is_returned[paying]
        & (lifecycle.removed[paying] == NEVER)
    )
    return draw(rng, paying[able], min(plan.share(14, 2_000), most))


def _usual_declines(
    rng: np.random.Generator, orders: Orders, lifecycle: Lifecycle, paying: Ints, count: int
) -> Ints:
    """Orders whose first attempts were declined; an order may be there more than once."""
    able = paying[
        (orders.ring[paying] < 0)
        & (lifecycle.method[paying] != BANK)
        & (lifecycle.method[paying] != _GIFT)
        & (lifecycle.removed[paying] == NEVER)
    ]
    able = able if able.size else paying
    rounds = -(-count // max(1, able.size))
    return np.concatenate(
        [draw(rng, able, count - i * able.size) for i in range(rounds)] or [able[:0]]
    )


def _minutes_before(declines: Ints) -> Ints:
    """Seconds before the capture, growing with each decline of the same (sorted) order."""
    starts = (
        np.concatenate([[True], declines[1:] != declines[:-1]]) if declines.size else np.zeros(0)
    )
    first = np.maximum.accumulate(np.where(starts, np.arange(declines.size), 0))
    return 70 + 90 * np.minimum(np.arange(declines.size) - first, 8)


def _gateway(rng: np.random.Generator, orders: Orders, payments: Payments) -> Payments:
    """What the gateway says: risk in 1/1,000, countries as positions in `countries()`."""
    size = payments.size
    fraud = orders.ring[payments.order] >= 0
    market = orders.market[payments.order]
    foreign = len(MARKETS) + rng.integers(0, len(FOREIGN_COUNTRIES), size)
    # One fraudster uses one stolen card, so issuer and address stay the same within a ring.
    ring_country = len(MARKETS) + orders.ring[payments.order] % (len(FOREIGN_COUNTRIES) - 2)
    abroad = rng.random(size) < 0.02
    issuer = np.where(fraud, ring_country, np.where(abroad, foreign, market))
    traveller = rng.random(size) < 0.03
    risk = np.where(
        fraud, rng.integers(760, 990, size), (rng.beta(1.4, 11, size) * 1_000).astype(np.int64)
    )
    sly = fraud & (rng.random(size) < 0.15)
    return replace(
        payments,
        code=np.where(payments.is_declined, rng.integers(1, len(_CODES), size), 0),
        risk=np.where(sly, rng.integers(100, 500, size), risk),
        issuer=np.where(payments.method == _CARD, issuer, -1),
        network=np.where(fraud, ring_country, np.where(traveller, foreign, market)),
    )


def countries() -> list[str]:
    """The countries that issuers and network addresses are positions in."""
    return [*MARKETS, *FOREIGN_COUNTRIES]


def payment_changes(plan: Plan, payments: Payments) -> Changes:
    """Every change of every attempt: announced, settled, paid back."""
    rows = np.arange(payments.size)
    is_bank = payments.method == BANK
    good = ~payments.is_declined
    return Changes.gather(
        plan,
        [
            (rows[is_bank & good], PENDING, INSERT, payments.begun),
            (rows[is_bank & good], CAPTURED, UPDATE, payments.settled),
            (rows[~is_bank & good], CAPTURED, INSERT, payments.settled),
            (rows[~good], DECLINED, INSERT, payments.settled),
            (rows, REFUNDED, UPDATE, payments.refunded),
        ],
    )


def payment_rows(
    reference: Reference, customers: Customers, orders: Orders, payments: Payments, changes: Changes
) -> pl.DataFrame:
    """Rows of the payments extract for changes."""
    row = changes.row
    order = payments.order[row]
    customer = orders.customer[order]
    ring = orders.ring[order]
    card = np.where(ring >= 0, 2 * customers.size + ring, customer)
    is_card = payments.method[row] == _CARD
    has_mail = customers.has_email.at(customer, payments.begun[row]) == 1
    risk = pl.Series(payments.risk[row] / 1_000)
    return pl.select(
        payment_id=ids("PAY", row),
        order_id=ids("O", order),
        payment_method=words(METHODS, payments.method[row]),
        payment_status=words(_STATES, changes.state),
        amount=money(payments.amount[row]),
        currency=words(reference.currencies, orders.currency[order]),
        paid_at=iso(np.where(changes.state == PENDING, NEVER, payments.settled[row])),
        installments=pl.Series(payments.installments[row]),
        card_token=tokens("card_", np.where(is_card, card, -1)),
        device_id=tokens("dev_", orders.device[order]),
        payer_email=pl.when(pl.Series(has_mail)).then(customers.mail[customer]),
        gateway=pl.struct(
            provider=words(_PROVIDERS, payments.method[row]),
            risk_score=risk,
            issuer_country=words(countries(), payments.issuer[row]),
            ip_country=words(countries(), payments.network[row]),
            response_code=words(_CODES, payments.code[row]),
        ),
        op=words(OPS, changes.op),
        updated_at=iso(changes.at),
    )


def payment_truth(orders: Orders, payments: Payments) -> dict[str, pl.DataFrame]:
    """Which payments are fraud, split, or off by cents."""
    fraud = np.flatnonzero(orders.ring[payments.order] >= 0)
    off = np.flatnonzero(payments.cents_off != 0)
    split = np.flatnonzero(payments.is_split)
    return {
        "fraud": pl.DataFrame(
            {
                "payment_id": ids("PAY", fraud),
                "order_id": ids("O", payments.order[fraud]),
                "ring": orders.ring[payments.order[fraud]] + 1,
                "is_declined": payments.is_declined[fraud],
            }
        ),
        "payments_off": pl.DataFrame(
            {
                "payment_id": ids("PAY", off),
                "order_id": ids("O", payments.order[off]),
                "cents_off": payments.cents_off[off],
            }
        ),
        "split_payments": pl.DataFrame(
            {"payment_id": ids("PAY", split), "order_id": ids("O", payments.order[split])}
        ),
    }
