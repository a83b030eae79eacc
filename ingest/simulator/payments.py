"""How orders are paid: captures, declines, split payments, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ingest.simulator.arrays import MINUTE, NEVER, Bools, Ints, draw
from ingest.simulator.customers import Customers
from ingest.simulator.delivery import INSERT, OPS, UPDATE, Changes
from ingest.simulator.fraud import BLATANT, SLY
from ingest.simulator.lifecycle import BANK, CARD, METHODS, Lifecycle
from ingest.simulator.lookalikes import households, shares_card
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.reference import Reference
from ingest.simulator.text import ids, iso, money, tokens, words
from ingest.simulator.vocabulary import COUNTRIES

_GIFT = METHODS.index("gift_card")
_STATES = ("pending", "captured", "declined", "refunded", "chargeback")
PENDING, CAPTURED, DECLINED, REFUNDED, CHARGEBACK = range(5)
CODES = ("00", "05", "51", "14", "54")
_PROVIDERS = ("cardnet", "paypal", "bankline", "internal", "laterpay")


@dataclass(frozen=True)
class Payments:
    """Payment attempts by position, sorted by instant; money in cents of the order's currency.

    `begun` is when the attempt is first seen, `settled` when it is captured or declined (NEVER when
    the calendar ends first), `refunded` when all of it has been paid back, `charged_back` when the
    issuer takes it back.
    """

    order: Ints
    method: Ints
    amount: Ints
    begun: Ints
    settled: Ints
    refunded: Ints
    charged_back: Ints
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

    def with_chargebacks(self, payment: Ints, at: Ints) -> Payments:
        """The same payments, of which some are charged back at instants."""
        charged_back = self.charged_back.copy()
        charged_back[payment] = at
        return replace(self, charged_back=charged_back)

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
    """Exactly the planned number of attempts: one per paid order, and splits and declines."""
    rng = plan.rng("payments")
    begun = np.where(lifecycle.method == BANK, orders.placed + MINUTE, lifecycle.paid)
    begun = np.where(lifecycle.paid < NEVER, begun, NEVER)
    paying = np.flatnonzero(begun < plan.end)
    extra = plan.sizes.payments - paying.size
    fraud = _fraud_declines(rng, orders, lifecycle, paying, extra)
    splits = _splits(plan, rng, orders, lifecycle, paying, (extra - fraud.size) * 2 // 3)
    usual = _usual_declines(rng, orders, lifecycle, paying, extra - fraud.size - splits.size)
    declines = np.sort(np.concatenate([fraud, usual]))

    first_part = lifecycle.total[splits] * rng.integers(20, 51, splits.size) // 100
    rest = lifecycle.total.copy()
    rest[splits] -= first_part
    off = np.zeros(orders.size, dtype=np.int64)
    wrong = draw(
        rng, np.setdiff1d(paying[orders.fraud.is_honest[paying]], splits), plan.share(5, 2_000)
    )
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
    return Payments(
        order=order[by_time],
        method=method[by_time],
        amount=amount[by_time],
        begun=start[by_time],
        settled=np.where(settled < plan.end, settled, NEVER)[by_time],
        refunded=np.full(order.size, NEVER, dtype=np.int64),
        charged_back=np.full(order.size, NEVER, dtype=np.int64),
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
    )


def _fraud_declines(
    rng: np.random.Generator, orders: Orders, lifecycle: Lifecycle, paying: Ints, most: int
) -> Ints:
    """Two to five declined attempts before each blatant capture, one before few others."""
    fraud = paying[~orders.fraud.is_honest[paying]]
    few = rng.random(fraud.size) < 0.1
    count = np.where(orders.fraud.kind[fraud] == BLATANT, rng.integers(2, 6, fraud.size), few)
    repeated = np.repeat(fraud, count)
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
        orders.fraud.is_honest[paying]
        & (lifecycle.paid[paying] < plan.end)
        & (lifecycle.method[paying] == CARD)
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
        orders.fraud.is_honest[paying]
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


def payment_changes(plan: Plan, payments: Payments) -> Changes:
    """Every change of every attempt: announced, settled, paid back or charged back."""
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
            (rows, CHARGEBACK, UPDATE, payments.charged_back),
        ],
    )


def card_numbers(plan: Plan, customers: Customers, orders: Orders) -> Ints:
    """The card of each order: below the number of accounts one of theirs, else a stolen one."""
    owner = households(plan, customers)
    own = np.where(shares_card(owner), owner, np.arange(owner.size))[orders.customer]
    fraud = orders.fraud
    stolen = customers.size + np.where(
        fraud.shares_card, customers.size + fraud.ring, orders.customer
    )
    return np.where((fraud.kind == BLATANT) | (fraud.kind == SLY), stolen, own)


def payment_rows(
    reference: Reference,
    customers: Customers,
    orders: Orders,
    payments: Payments,
    cards: Ints,
    changes: Changes,
) -> pl.DataFrame:
    """Rows of the payments extract for changes; `cards` holds the card of each order."""
    row = changes.row
    order = payments.order[row]
    customer = orders.customer[order]
    is_card = payments.method[row] == CARD
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
        card_token=tokens("card_", np.where(is_card, cards[order], -1)),
        device_id=tokens("dev_", orders.device[order]),
        payer_email=pl.when(pl.Series(has_mail)).then(customers.mail[customer]),
        gateway=pl.struct(
            provider=words(_PROVIDERS, payments.method[row]),
            risk_score=risk,
            issuer_country=words(COUNTRIES, payments.issuer[row]),
            ip_country=words(COUNTRIES, payments.network[row]),
            response_code=words(CODES, payments.code[row]),
        ),
        op=words(OPS, changes.op),
        updated_at=iso(changes.at),
    )


def payment_truth(payments: Payments) -> dict[str, pl.DataFrame]:
    """Which payments are split, or off by cents."""
    off = np.flatnonzero(payments.cents_off != 0)
    split = np.flatnonzero(payments.is_split)
    return {
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
