"""What may be completed and from what: attributes of products and customers, no keys, no money."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from ml.arrays import Floats, Ints
from ml.errors import ModelError
from ml.frame.model import Table

UNKNOWN = "Unknown"  # how the dimensions name a missing category or tier
LEAST_OF_LEVEL = 20  # rows; rarer levels of a text tell nothing that lasts

_NEVER = re.compile(
    r"(^|_)(id|key|hash|token|amount|price|cost|revenue|margin|currency|rate|label)(_|$)"
    r"|^(is|has)_|_(at|date)$"
)


@dataclass(frozen=True)
class Subject:
    """A table of attributes and what predicts them; each of its sources is completed by itself.

    `attributes` are whole numbers to complete, which also predict each other; `numbers` (amounts
    too) and `levels` (text) only predict. The first level is the group of the simple methods.
    Numbers are taken by the logarithm of the value plus 1, but those in `linear` as they are.
    Raises ModelError for a column that is a key, a label, money, a time or a flag.
    """

    name: str
    table: str
    key: str
    attributes: tuple[str, ...]
    numbers: tuple[str, ...]
    levels: tuple[str, ...]
    linear: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in self.attributes:
            if _NEVER.search(name):
                raise ModelError(
                    f"{name} of {self.table} is a key, a label, money, a time or a flag.",
                    "Complete analytic attributes only.",
                )

    @property
    def reads(self) -> Table:
        """The columns it needs of its table."""
        columns = ("source_system", self.key, *self.attributes, *self.numbers, *self.levels)
        return Table(self.table, columns, ("source_system", self.key))


SUBJECTS = (
    Subject(
        name="product",
        table="features.product_attributes",
        key="product_id",
        attributes=(
            "weight_g",
            "length_cm",
            "height_cm",
            "width_cm",
            "photo_count",
            "supplier_lead_time_days",
        ),
        numbers=(
            "offer_age_days",
            "unit_count",
            "mean_unit_net_amount",
            "mean_unit_shipping_amount",
        ),
        levels=("category", "brand"),
    ),
    Subject(
        name="customer",
        table="features.customer_attributes",
        key="customer_id",
        attributes=("birth_year",),
        numbers=(
            "account_age_days",
            "order_count",
            "unit_count",
            "product_count",
            "recency_days",
            "average_order_amount",
        ),
        levels=("loyalty_tier", "gender", "country_code", "favourite_category"),
        linear=frozenset({"birth_year"}),
    ),
)


@dataclass(frozen=True)
class Inputs:
    """The rows of one source as numbers.

    `numbers` is rows x columns, attributes first, scaled, NaN where unknown; `levels` is rows x
    texts, codes from 0, -1 where unknown. `names` are the columns of `numbers`; `is_linear` says
    which of them were not taken by their logarithm.
    """

    names: tuple[str, ...]
    numbers: Floats
    levels: Ints
    is_linear: tuple[bool, ...]

    def values(self, column: int) -> Floats:
        """A column in its own unit."""
        return self.unscaled(self.numbers[:, column], column)

    def unscaled(self, scaled: Floats, column: int) -> Floats:
        """Predictions of a column in its own unit."""
        return scaled.copy() if self.is_linear[column] else np.expm1(scaled)


def inputs_of(subject: Subject, rows: pl.DataFrame) -> Inputs:
    """The rows of a table of attributes as numbers.

    Raises ModelError when an attribute is no whole number: money, texts and flags are never
    completed, whatever their names are.
    """
    for name in subject.attributes:
        if not rows.schema[name].is_integer():
            raise ModelError(
                f"{name} of {subject.table} is {rows.schema[name]}, no whole number.",
                "Complete measured attributes only.",
            )
    names = (*subject.attributes, *subject.numbers)
    scaled = rows.select(
        pl.col(name).cast(pl.Float64)
        if name in subject.linear
        else pl.col(name).cast(pl.Float64).clip(lower_bound=0).log1p()
        for name in names
    )
    return Inputs(
        names=names,
        numbers=scaled.fill_null(float("nan"))
        .to_numpy()
        .astype(np.float64)
        .reshape(-1, len(names)),
        levels=np.column_stack([_codes(rows[name]) for name in subject.levels]),
        is_linear=tuple(name in subject.linear for name in names),
    )


def _codes(texts: pl.Series) -> Ints:
    """The place of each text among those held often enough, by name; -1 of the others."""
    known = texts.filter(texts.is_not_null() & (texts != UNKNOWN))
    counts = known.value_counts(name="rows")
    held = counts.filter(pl.col("rows") >= LEAST_OF_LEVEL)[texts.name].sort()
    places = {text: place for place, text in enumerate(held)}
    codes = texts.replace_strict(places, default=-1, return_dtype=pl.Int64)
    return codes.fill_null(-1).to_numpy().astype(np.int64)
