"""The range: products with prices and costs that change, and the full extracts of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import DAY, Bools, Floats, Ints, Steps, draw, flags
from ingest.simulator.plan import Plan
from ingest.simulator.prices import charm, make_costs, make_prices
from ingest.simulator.text import ids, iso, money, nullable, typed_carelessly, words
from ingest.simulator.vocabulary import (
    BRANDS,
    CATEGORIES,
    CATEGORY_ELASTICITIES,
    CATEGORY_PRICES,
    COLORS,
    MATERIALS,
    NOUNS,
    SIZES,
    SUPPLIERS,
)


@dataclass(frozen=True)
class Products:
    """The range, by position; prices and costs in cents of EUR.

    `elasticity` says how the demand for a product answers to its list price. `is_evergreen`
    products are there from the start, never sell out and are never delisted. `is_absent` is loads x
    products: missing from that extract.
    """

    category: Ints
    launched: Ints
    popularity: Floats
    elasticity: Floats
    is_evergreen: Bools
    price: Steps
    cost: Steps
    is_absent: Bools

    @property
    def size(self) -> int:
        """Number of products."""
        return self.category.size

    @property
    def first_price(self) -> Ints:
        """The list price of each product before any change."""
        return self.price.at(np.arange(self.size), np.zeros(self.size, dtype=np.int64))


def make_products(plan: Plan) -> Products:
    """Draws the range; the first product of each category is evergreen."""
    rng = plan.rng("products")
    size = plan.sizes.products
    position = np.arange(size, dtype=np.int64)
    category = position % len(CATEGORIES)
    # Old products first, so that a product's number grows with its launch.
    new = 0 if plan.is_demo else size // 7
    old_launch = plan.start - rng.integers(30 * DAY, 1_000 * DAY, size - new)
    new_launch = rng.integers(plan.start, max(plan.start + 1, int(plan.cutoffs[0]) - DAY), new)
    launched = np.sort(np.concatenate([old_launch, new_launch]))
    is_evergreen = (position < len(CATEGORIES)) | (
        (rng.random(size) < 0.25) & (position < size - new)
    )
    median = np.array(CATEGORY_PRICES, dtype=np.float64)[category]
    initial = charm(median * rng.lognormal(0, 0.55, size))
    deviation = plan.rng("elasticities").normal(0, 0.35, size)
    return Products(
        category=category,
        launched=launched,
        popularity=rng.lognormal(0, 1.0, size),
        elasticity=np.clip(np.array(CATEGORY_ELASTICITIES)[category] + deviation, -4.5, -0.8),
        is_evergreen=is_evergreen,
        price=make_prices(plan, initial, launched),
        cost=make_costs(plan, rng, initial, launched),
        is_absent=_absences(plan, rng, launched, is_evergreen),
    )


def _absences(plan: Plan, rng: np.random.Generator, launched: Ints, is_evergreen: Bools) -> Bools:
    """Not launched yet; delisted in the last load; delisted for one load and back in the next."""
    size = launched.size
    absent = launched[None, :] >= plan.cutoffs[:, None]
    count = max(1, size // 50)
    old = np.flatnonzero(~is_evergreen & (launched < plan.cutoffs[0] - DAY))
    gone = rng.permutation(draw(rng, old, 2 * count))
    if plan.loads >= 2:
        absent[-1, gone[:count]] = True
    if plan.loads >= 3:
        absent[-2, gone[count:]] = True
    return absent


def product_extract(plan: Plan, products: Products, load: int) -> pl.DataFrame:
    """The full extract of one load, one row per product in it."""
    present = np.flatnonzero(~products.is_absent[load])
    return _extract(plan, products, present, int(plan.cutoffs[load]) - 1)


def product_history(plan: Plan, products: Products) -> Iterator[tuple[int, pl.DataFrame]]:
    """The full extracts that the shop kept from before the first load: one for each first of a
    month, with the instant it was made. The demo has none."""
    for day in range(0 if plan.is_demo else plan.days - plan.loads):
        if plan.date(day + 1).day == 1:
            end = int(plan.day_starts[day + 1])
            present = np.flatnonzero(products.launched < end)
            yield plan.extract_of(day), _extract(plan, products, present, end - 1)


def _extract(plan: Plan, products: Products, present: Ints, instant: int) -> pl.DataFrame:
    """The products at positions `present` as they were at an instant."""
    at = np.full(present.size, instant)
    rng = plan.rng("product attributes")
    size = products.size
    noun = rng.integers(0, 1 << 20, size)
    brand = rng.integers(0, len(BRANDS), size)
    color = np.where(rng.random(size) < 0.15, -1, rng.integers(0, len(COLORS), size))
    is_clothing = products.category == CATEGORIES.index("Fashion")
    letter = np.where(is_clothing, rng.integers(0, len(SIZES), size), -1)
    material = np.where(rng.random(size) < 0.3, -1, rng.integers(0, len(MATERIALS), size))
    weight = rng.integers(80, 4_000, size)
    has_weight = rng.random(size) > 0.05
    supplier = rng.integers(0, len(SUPPLIERS), size)
    lead = rng.integers(3, 29, len(SUPPLIERS))
    care = np.where(rng.random(size) < 0.06, rng.integers(1, 4, size), 0)
    names = [noun_names[noun[i] % len(noun_names)] for i, noun_names in _nouns(products)]
    number = ids("", np.arange(size), 5)
    name = words(BRANDS, brand) + pl.Series([" "]) + pl.Series(names)
    changed = np.maximum(products.price.changed(present, at), products.cost.changed(present, at))
    updated = np.maximum(changed, products.launched[present])
    euro = pl.lit("EUR")
    frame = pl.DataFrame(
        {
            "product_id": ids("P", np.arange(size), 6),
            "sku": number,
            "product_name": name,
            "category": typed_carelessly(words(CATEGORIES, products.category), care),
            "brand": words(BRANDS, brand),
            "color": words(COLORS, color),
            "size": words(SIZES, letter),
            "weight_g": nullable(weight, has_weight),
            "material": words(MATERIALS, material),
            "supplier_id": ids("S", supplier, 3),
            "supplier": words(SUPPLIERS, supplier),
            "lead_time_days": lead[supplier],
            "launched_at": iso(products.launched),
        }
    )[present]
    return frame.select(
        "product_id",
        pl.format("{}-{}", pl.col("brand").str.slice(0, 3).str.to_uppercase(), "sku").alias("sku"),
        "product_name",
        "category",
        "brand",
        pl.struct("color", "size", "weight_g", "material").alias("attributes"),
        money(products.price.at(present, at)).alias("list_price"),
        euro.alias("currency"),
        pl.struct(
            money(products.cost.at(present, at)).alias("amount"), euro.alias("currency")
        ).alias("cost"),
        pl.struct("supplier_id", pl.col("supplier").alias("name"), "lead_time_days").alias(
            "supplier"
        ),
        "launched_at",
        iso(updated).alias("updated_at"),
    )


def _nouns(products: Products) -> list[tuple[int, tuple[str, ...]]]:
    return [(i, NOUNS[category]) for i, category in enumerate(products.category.tolist())]


def product_truth(plan: Plan, products: Products) -> dict[str, pl.DataFrame]:
    """What was planted in the range: every price and cost, and who is missing from which load."""
    tables = {}
    for name, steps in (("product_prices", products.price), ("product_costs", products.cost)):
        tables[name] = pl.DataFrame(
            {
                "product_id": ids("P", steps.entity, 6),
                "valid_from": pl.Series(steps.start * 1000).cast(pl.Datetime("ms")),
                "amount_eur_cents": steps.value,
            }
        )
    tables["products"] = pl.DataFrame(
        {
            "product_id": ids("P", np.arange(products.size), 6),
            "category": words(CATEGORIES, products.category),
            "popularity": products.popularity,
            "is_evergreen": products.is_evergreen,
        }
    )
    load, product = np.nonzero(
        products.is_absent & (products.launched[None, :] < plan.cutoffs[:, None])
    )
    tables["product_absences"] = pl.DataFrame(
        {"product_id": ids("P", product, 6), "load": load + 1}
    )
    return tables


def is_delisted(plan: Plan, products: Products) -> Bools:
    """Products that are missing from any extract after their launch: they do not sell any more."""
    missing = products.is_absent & (products.launched[None, :] < plan.cutoffs[:, None])
    return flags(products.size, np.flatnonzero(missing.any(axis=0)))
