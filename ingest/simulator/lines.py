"""What is ordered: lines with prices, discounts, tax and shipping that add up to the cent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import Bools, Floats, Ints, half_up, pick
from ingest.simulator.customers import Customers
from ingest.simulator.demand import QUANTITY_SHARES, Shelf, category_weights, draw_categories
from ingest.simulator.fraud import BLATANT, SLY, TAKEOVER
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.products import Products, is_delisted
from ingest.simulator.reference import Reference
from ingest.simulator.text import ids
from ingest.simulator.vocabulary import CATEGORIES, MARKETS

_ATTEMPTS = 4
_ELECTRONICS = CATEGORIES.index("Electronics")
_ELECTRONICS_SHARE = 0.6
"""How many lines of a sly ring are electronics whatever the season: they sell on easily."""


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
    quantity = 1 + pick(rng, QUANTITY_SHARES, order.size) + _more_units(orders)[order]
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


def _more_units(orders: Orders) -> Ints:
    """How many units more than usual each line of an order asks for."""
    kind = orders.fraud.kind
    more: Ints = 2 * ((kind == BLATANT) | orders.lookalikes.large_basket) + (kind == TAKEOVER)
    return more


def _is_expensive(orders: Orders, order: Ints, is_first: Bools) -> Bools:
    """Lines of the dearest electronics at any price: blatant fraud, the first of a takeover."""
    kind = orders.fraud.kind[order]
    dear: Bools = (kind == BLATANT) | ((kind == TAKEOVER) & is_first)
    return dear


def _is_electronics(
    rng: np.random.Generator, orders: Orders, order: Ints, is_first: Bools
) -> Bools:
    """Lines that are electronics whatever the season: of sly rings, the first of large baskets."""
    is_sly = orders.fraud.kind[order] == SLY
    resells = is_sly & (rng.random(order.size) < _ELECTRONICS_SHARE)
    electronics: Bools = resells | (orders.lookalikes.large_basket[order] & is_first)
    return electronics


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
    weights = np.cumsum(category_weights(plan, reference.discount), axis=1)
    blocked = out_of_stock.copy()
    blocked[is_delisted(plan, products), plan.days - plan.loads :] = True
    shelf = Shelf.of(plan, products)
    line_day, at = orders.day[order], orders.placed[order]
    favourite = customers.favourite[orders.customer[order]]
    is_first = np.append(True, order[1:] != order[:-1])
    is_electronics = _is_electronics(rng, orders, order, is_first)
    dear = np.flatnonzero(_is_expensive(orders, order, is_first))
    product = np.zeros(order.size, dtype=np.int64)
    lost = pl.DataFrame()
    open_lines = np.arange(order.size)
    for attempt in range(_ATTEMPTS):
        day = line_day[open_lines]
        category = draw_categories(rng, weights, favourite[open_lines], day)
        category = np.where(is_electronics[open_lines], _ELECTRONICS, category)
        product[open_lines] = shelf.draw(rng, category, day, at[open_lines])
        if attempt == 0:
            product[dear] = shelf.expensive[rng.integers(0, shelf.expensive.size, dear.size)]
        missed = blocked[product, line_day]
        if attempt == 0:
            wanted = out_of_stock[product, line_day]
            lost = _lost(plan, product[wanted], line_day[wanted], quantity[wanted])
        open_lines = np.flatnonzero(missed | _repeated(order, product))
    missed = blocked[product, line_day]
    product[missed] = products.category[product[missed]]  # the evergreen product of the category
    return product, lost


def _repeated(order: Ints, product: Ints) -> Bools:
    """Lines whose product is in an earlier line of their order."""
    key = (order << 24) + product
    by_key = np.argsort(key, kind="stable")
    again = np.zeros(key.size, dtype=np.bool_)
    again[by_key[1:]] = key[by_key[1:]] == key[by_key[:-1]]
    return again


def _lost(plan: Plan, product: Ints, day: Ints, quantity: Ints) -> pl.DataFrame:
    """The truth `lost_demand`: units asked for on stock-out days, by product and day.

    Real demand is units sold (of all lines, whatever becomes of the order) plus these. Whoever
    finds the shelf empty takes another product, of a category drawn anew: nearly every lost unit is
    sold as a substitute, spread over all products in stock. So over all products units sold are
    what was asked for, and sold plus lost exceeds it by what was lost, some per cent.
    """
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
