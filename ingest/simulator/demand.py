"""What customers want: categories by season and promotion, products by popularity and price.

A product's weight within its category on a business day is popularity x (list price of the day /
first list price) ^ elasticity. Discounts are no part of that price: a promotion lifts its category
as a whole, and the days it runs on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import Floats, Ints
from ingest.simulator.customers import Customers
from ingest.simulator.plan import Plan
from ingest.simulator.prices import daily_prices
from ingest.simulator.products import Products
from ingest.simulator.reference import Reference
from ingest.simulator.text import ids, words
from ingest.simulator.vocabulary import CATEGORIES, CATEGORY_ELASTICITIES, CATEGORY_SHARES

QUANTITY_SHARES = (0.78, 0.15, 0.05, 0.02)
"""How many lines ask for one unit, for two, and so on."""
FAVOURITE_SHARE = 0.35
"""How many lines are of the customer's favourite category, whatever the season."""
_CATEGORY_PULL, _DAY_PULL = 3.0, 2.5


def category_weights(plan: Plan, discount: Ints) -> Floats:
    """Days x categories: how much each category is wanted, by season and discount (1/10,000)."""
    dates = np.datetime64(plan.first_day) + np.arange(plan.days)
    month = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    weight = np.tile(np.array(CATEGORY_SHARES), (plan.days, 1))
    weight[(month >= 11), CATEGORIES.index("Toys")] *= 2.0
    weight[(month >= 3) & (month <= 6), CATEGORIES.index("Garden")] *= 2.5
    weight[month == 1, CATEGORIES.index("Sports")] *= 1.5
    wanted: Floats = weight * (1 + _CATEGORY_PULL * discount / 10_000)
    return wanted


def promotion_rush(discount: Ints) -> Floats:
    """How many more orders each day brings because of its discounts (1/10,000 by category)."""
    uplift = discount @ np.array(CATEGORY_SHARES) / 10_000
    rush: Floats = 1 + _DAY_PULL * uplift
    return rush


def category_demand(plan: Plan, discount: Ints, busy: Floats) -> Floats:
    """Days x categories: the demand for each category relative to its mean day."""
    weight = category_weights(plan, discount)
    demand = busy[:, None] * weight / weight.sum(axis=1, keepdims=True)
    relative: Floats = demand / demand.mean(axis=0)
    return relative


def draw_categories(
    rng: np.random.Generator, cumulative: Floats, favourite: Ints, day: Ints
) -> Ints:
    """A category for each line: the favourite one, or one by the running weights of its day."""
    of_day = cumulative[day]
    u = rng.random(day.size) * of_day[:, -1]
    wanted = (of_day <= u[:, None]).sum(axis=1)
    return np.where(rng.random(day.size) < FAVOURITE_SHARE, favourite, wanted)


@dataclass(frozen=True)
class Shelf:
    """Products by category, oldest first, with their running shares of demand on each day.

    `until` holds, for each category, day after day and product after product, the day plus the
    running share: one rising array, so that one search finds the product of any day.
    """

    members: list[Ints]
    launched: list[Ints]
    until: list[Floats]
    expensive: Ints

    @classmethod
    def of(cls, plan: Plan, products: Products) -> Shelf:
        """The shelf of the whole calendar."""
        members = [np.flatnonzero(products.category == c) for c in range(len(CATEGORIES))]
        prices = daily_prices(plan, products.price)
        initial = products.first_price
        electronics = members[0][products.is_evergreen[members[0]]]
        by_price = electronics[np.argsort(initial[electronics], kind="stable")]
        return cls(
            members=members,
            launched=[products.launched[m] for m in members],
            until=[_running_shares(products, prices[m] / initial[m][:, None], m) for m in members],
            expensive=by_price[-max(1, by_price.size // 3) :],
        )

    def draw(self, rng: np.random.Generator, category: Ints, day: Ints, at: Ints) -> Ints:
        """A product of each category launched before each instant, by its weight of the day."""
        product = np.zeros(category.size, dtype=np.int64)
        u = rng.random(category.size)
        for c, members in enumerate(self.members):
            lines = np.flatnonzero(category == c)
            row = day[lines] * members.size
            on_sale = np.searchsorted(self.launched[c], at[lines], side="left")
            limit = self.until[c][row + on_sale - 1] - day[lines]
            key = day[lines] + u[lines] * limit
            position = np.searchsorted(self.until[c], key, side="right") - row
            product[lines] = members[np.clip(position, 0, on_sale - 1)]
        return product


def _running_shares(products: Products, ratio: Floats, members: Ints) -> Floats:
    weight = products.popularity[members][:, None] * ratio ** products.elasticity[members][:, None]
    running = np.cumsum(weight.T, axis=1)
    running /= running[:, -1:]
    result: Floats = (running + np.arange(running.shape[0])[:, None]).ravel()
    return result


def _category_shares(plan: Plan, customers: Customers, discount: Ints) -> Floats:
    """Days x categories: the share of the lines that ask for each category."""
    favourite = np.bincount(customers.favourite, customers.weight, minlength=len(CATEGORIES))
    weight = category_weights(plan, discount)
    seasonal = weight / weight.sum(axis=1, keepdims=True)
    shares: Floats = (
        FAVOURITE_SHARE * favourite / favourite.sum() + (1 - FAVOURITE_SHARE) * seasonal
    )
    return shares


def demand_truth(
    plan: Plan, reference: Reference, customers: Customers, products: Products, busy: Floats
) -> dict[str, pl.DataFrame]:
    """How demand answers to prices and promotions; `busy` is how busy each day is.

    `product_elasticities`: `elasticity` is the exponent of a product's own weight. As the weights
    of its category share out the demand for the category, a product that holds the share s of it
    has the own-price elasticity elasticity x (1 - s) when the other prices stand still;
    `reference_share` is that s at first prices with the whole range launched. Comparing products of
    one category on one day, which takes the category's total out, finds the exponent itself.

    `product_demand`: units per day at each list price, over all days of the calendar, the others at
    their first price, the whole range launched and nothing out of stock; `valid_to` is the day
    after the last one.

    `promotion_lift`: the units of a day and category relative to those of the same day without any
    promotion, from both more orders and more of them for the category.
    """
    shares = _category_shares(plan, customers, reference.discount)
    return {
        "product_elasticities": _elasticities(products),
        "product_demand": _product_demand(plan, products, busy @ shares / busy.sum()),
        "promotion_lift": _promotion_lift(plan, reference, customers, shares),
    }


def _elasticities(products: Products) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "product_id": ids("P", np.arange(products.size), 6),
            "category": words(CATEGORIES, products.category),
            "category_elasticity": np.array(CATEGORY_ELASTICITIES)[products.category],
            "elasticity": products.elasticity,
            "reference_share": products.popularity / _category_popularity(products),
        }
    )


def _category_popularity(products: Products) -> Floats:
    """The summed popularity of each product's category."""
    total = np.bincount(products.category, products.popularity)
    return total.astype(np.float64)[products.category]


def _product_demand(plan: Plan, products: Products, category_share: Floats) -> pl.DataFrame:
    price = products.price
    product = price.entity
    ratio = price.value / products.first_price[product]
    weight = products.popularity[product] * ratio ** products.elasticity[product]
    others = _category_popularity(products)[product] - products.popularity[product]
    quantity = np.arange(1, len(QUANTITY_SHARES) + 1) @ np.array(QUANTITY_SHARES)
    units = plan.sizes.items / plan.days * quantity * category_share[products.category[product]]
    first = np.maximum(np.maximum(price.start, products.launched[product]), plan.start)
    is_last = np.append(product[1:] != product[:-1], True)
    valid_to = np.where(is_last, plan.end, np.roll(price.start, -1))
    return pl.DataFrame(
        {
            "product_id": ids("P", product, 6),
            "valid_from": _dates(plan, plan.day_of(first)),
            "valid_to": _dates(plan, plan.day_of(valid_to)),
            "price_eur_cents": price.value,
            "expected_units_per_day": units * weight / (others + weight),
        }
    )


def _promotion_lift(
    plan: Plan, reference: Reference, customers: Customers, shares: Floats
) -> pl.DataFrame:
    plain = _category_shares(plan, customers, np.zeros_like(reference.discount))
    lift = promotion_rush(reference.discount)[:, None] * shares / plain
    day, category = np.nonzero(reference.promotion >= 0)
    return pl.DataFrame(
        {
            "date": _dates(plan, day),
            "category": words(CATEGORIES, category),
            "promotion_id": words(reference.promotions, reference.promotion[day, category]),
            "lift": lift[day, category],
        }
    )


def _dates(plan: Plan, day: Ints) -> pl.Series:
    return pl.Series((np.datetime64(plan.first_day) + day).astype("datetime64[D]"))
