"""What is ordered: lines with prices, discounts, tax and shipping that add up to the cent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import DAY, Bools, Floats, Ints, draw, half_up, pick
from ingest.simulator.customers import Customers
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.products import Products, is_delisted
from ingest.simulator.reference import Reference
from ingest.simulator.text import ids
from ingest.simulator.vocabulary import CATEGORIES, CATEGORY_SHARES, MARKETS

_ATTEMPTS = 4


@dataclass(frozen=True)
class Lines:
    """Order lines by position, sorted by order; money in cents of the order's currency.

    `first` holds the position of each order's first line, and one past the last line at its end.
    """

    order: Ints
    number: Ints
    product: Ints
    quantity: Ints
    unit_price: Ints
    discount: Ints
    tax: Ints
    shipping: Ints
    promotion: Ints
    first: Ints

    @property
    def size(self) -> int:
        """Number of lines."""
        return self.order.size

    @property
    def total(self) -> Ints:
        """Gross - discount + tax + shipping of each line."""
        return self.unit_price * self.quantity - self.discount + self.tax + self.shipping

    def per_order(self, values: Ints) -> Ints:
        """Sums of a value of the lines by order."""
        return np.add.reduceat(values, self.first[:-1])


def plan_stock_outs(plan: Plan, products: Products) -> Bools:
    """Products x days on which nothing can be sold because the shelf is empty."""
    rng = plan.rng("stock-outs")
    out = np.zeros((products.size, plan.days), dtype=np.bool_)
    able = np.flatnonzero(~products.is_evergreen & ~is_delisted(plan, products))
    counts = rng.poisson(plan.days / 150, able.size)
    product = np.repeat(able, counts)
    first = rng.integers(0, plan.days, product.size)
    if plan.days > 2 * plan.loads:
        # Some are out of stock when the calendar ends, so that the demo's three days show it.
        ending = draw(rng, able, max(2, products.size // 20))
        product = np.concatenate([product, ending])
        first = np.concatenate([first, np.full(ending.size, plan.days - plan.loads)])
    length = rng.integers(3, 15, product.size)
    launch_day = (products.launched[product] + 14 * DAY - plan.start) // DAY
    keep = (first > launch_day) & (first > 0)
    for offset in range(15):
        day = first + offset
        hit = keep & (offset < length) & (day < plan.days)
        out[product[hit], day[hit]] = True
    return out


def make_lines(
    plan: Plan,
    reference: Reference,
    customers: Customers,
    products: Products,
    orders: Orders,
    out_of_stock: Bools,
) -> tuple[Lines, pl.DataFrame]:
    """Draws exactly the planned number of lines, and the demand that found an empty shelf."""
    rng = plan.rng("lines")
    extra = rng.multinomial(plan.sizes.items - orders.size, _basket_shares(rng, orders.size))
    counts = 1 + extra.astype(np.int64)
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    order = np.repeat(np.arange(orders.size), counts)
    quantity = 1 + pick(rng, [0.78, 0.15, 0.05, 0.02], order.size)
    is_fraud = orders.ring[order] >= 0
    quantity[is_fraud] += 2
    product, lost = _products(
        plan, reference, customers, products, orders, out_of_stock, rng, order, quantity
    )
    unit_price, discount, promotion, tax = _amounts(
        reference, products, orders, order, product, quantity
    )
    net = unit_price * quantity - discount
    return (
        Lines(
            order=order,
            number=np.arange(order.size) - first[order] + 1,
            product=product,
            quantity=quantity,
            unit_price=unit_price,
            discount=discount,
            tax=tax,
            shipping=_shipping(reference, orders, order, net, first),
            promotion=promotion,
            first=first,
        ),
        lost,
    )


def _basket_shares(rng: np.random.Generator, size: int) -> Floats:
    size_of_basket = rng.lognormal(0, 0.6, size)
    shares: Floats = size_of_basket / size_of_basket.sum()
    return shares


def _category_weights(plan: Plan, reference: Reference) -> Floats:
    """Days x categories: how much each category is wanted, by season and promotion."""
    day = np.arange(plan.days)
    dates = np.datetime64(plan.first_day) + day
    month = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    weight = np.tile(np.array(CATEGORY_SHARES), (plan.days, 1))
    weight[(month >= 11), CATEGORIES.index("Toys")] *= 2.0
    weight[(month >= 3) & (month <= 6), CATEGORIES.index("Garden")] *= 2.5
    weight[month == 1, CATEGORIES.index("Sports")] *= 1.5
    wanted: Floats = weight * (1 + 3 * reference.discount / 10_000)
    return wanted


def _products(
    plan: Plan,
    reference: Reference,
    customers: Customers,
    products: Products,
    orders: Orders,
    out_of_stock: Bools,
    rng: np.random.Generator,
    order: Ints,
    quantity: Ints,
) -> tuple[Ints, pl.DataFrame]:
    """A product that is on sale and in stock for each line; whoever finds none takes another."""
    weights = np.cumsum(_category_weights(plan, reference), axis=1)
    blocked = out_of_stock.copy()
    blocked[is_delisted(plan, products), plan.days - plan.loads :] = True
    shelf = _Shelf.of(products)
    line_day, at = orders.day[order], orders.placed[order]
    product = np.zeros(order.size, dtype=np.int64)
    lost = pl.DataFrame()
    open_lines = np.arange(order.size)
    for attempt in range(_ATTEMPTS):
        category = _categories(rng, weights, customers, orders, order, line_day, open_lines)
        product[open_lines] = shelf.draw(rng, category, at[open_lines])
        if attempt == 0:
            fraud = np.flatnonzero(orders.ring[order] >= 0)
            product[fraud] = shelf.expensive[rng.integers(0, shelf.expensive.size, fraud.size)]
        missed = blocked[product, line_day]
        if attempt == 0:
            wanted = out_of_stock[product, line_day]
            lost = _lost(plan, product[wanted], line_day[wanted], quantity[wanted])
        open_lines = np.flatnonzero(missed | _repeated(order, product))
    missed = blocked[product, line_day]
    product[missed] = products.category[product[missed]]  # the evergreen product of the category
    return product, lost


def _categories(
    rng: np.random.Generator,
    weights: Floats,
    customers: Customers,
    orders: Orders,
    order: Ints,
    line_day: Ints,
    lines: Ints,
) -> Ints:
    cumulative = weights[line_day[lines]]
    u = rng.random(lines.size) * cumulative[:, -1]
    wanted = (cumulative <= u[:, None]).sum(axis=1)
    favourite = customers.favourite[orders.customer[order[lines]]]
    return np.where(rng.random(lines.size) < 0.35, favourite, wanted)


@dataclass(frozen=True)
class _Shelf:
    """Products by category, oldest first, with running sums of popularity."""

    members: list[Ints]
    launched: list[Ints]
    popularity: list[Floats]
    expensive: Ints

    @classmethod
    def of(cls, products: Products) -> _Shelf:
        members = [np.flatnonzero(products.category == c) for c in range(len(CATEGORIES))]
        price = products.price.at(np.arange(products.size), np.zeros(products.size, np.int64))
        electronics = members[0][products.is_evergreen[members[0]]]
        by_price = electronics[np.argsort(price[electronics], kind="stable")]
        return cls(
            members=members,
            launched=[products.launched[m] for m in members],
            popularity=[np.cumsum(products.popularity[m]) for m in members],
            expensive=by_price[-max(1, by_price.size // 3) :],
        )

    def draw(self, rng: np.random.Generator, category: Ints, at: Ints) -> Ints:
        """A product of each category launched before each instant, by popularity."""
        product = np.zeros(category.size, dtype=np.int64)
        u = rng.random(category.size)
        for c, members in enumerate(self.members):
            lines = np.flatnonzero(category == c)
            on_sale = np.searchsorted(self.launched[c], at[lines], side="left")
            limit = self.popularity[c][on_sale - 1]
            position = np.searchsorted(self.popularity[c], u[lines] * limit, side="right")
            product[lines] = members[np.minimum(position, on_sale - 1)]
        return product


def _repeated(order: Ints, product: Ints) -> Bools:
    """Lines whose product is in an earlier line of their order."""
    key = (order << 24) + product
    by_key = np.argsort(key, kind="stable")
    again = np.zeros(key.size, dtype=np.bool_)
    again[by_key[1:]] = key[by_key[1:]] == key[by_key[:-1]]
    return again


def _lost(plan: Plan, product: Ints, day: Ints, quantity: Ints) -> pl.DataFrame:
    first = np.datetime64(plan.first_day)
    return (
        pl.DataFrame(
            {
                "product_id": ids("P", product, 6),
                "date": pl.Series((first + day).astype("datetime64[D]")),
                "lost_quantity": quantity,
            }
        )
        .group_by("product_id", "date")
        .agg(pl.col("lost_quantity").sum())
        .sort("product_id", "date")
    )


def _amounts(
    reference: Reference,
    products: Products,
    orders: Orders,
    order: Ints,
    product: Ints,
    quantity: Ints,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Unit price, discount, promotion and tax of each line."""
    factor = reference.price_factor[orders.currency[order]]
    euro = products.price.at(product, orders.placed[order])
    unit_price = half_up(euro * factor, 10_000)
    category = products.category[product]
    promotion = reference.promotion[orders.day[order], category]
    gross = unit_price * quantity
    discount = half_up(gross * reference.discount[orders.day[order], category], 10_000)
    tax = half_up((gross - discount) * reference.tax_rate[orders.market[order]], 10_000)
    return unit_price, discount, promotion, tax


def _shipping(reference: Reference, orders: Orders, order: Ints, net: Ints, first: Ints) -> Ints:
    """The order's shipping fee over its lines by largest remainder on their net amounts."""
    factor = reference.price_factor[orders.currency]
    net_of_order = np.add.reduceat(net, first[:-1])
    is_home = orders.market == list(MARKETS).index("DE")
    fee = np.where(net_of_order >= np.where(is_home, 5_000, 9_000) * factor // 10_000, 0, 490)
    fee = half_up(np.where(is_home, fee, fee * 2) * factor, 10_000)
    whole = fee[order] * net // net_of_order[order]
    remainder = fee[order] * net % net_of_order[order]
    rest = fee - np.add.reduceat(whole, first[:-1])
    by_remainder = np.lexsort((-remainder, order))
    rank = np.empty_like(order)
    rank[by_remainder] = np.arange(order.size) - first[order[by_remainder]]
    return whole + (rank < rest[order])
