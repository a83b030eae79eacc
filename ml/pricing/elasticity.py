"""Own-price elasticities: pooled by category, and as much of each product's own as its sales show.

Sales of a product at each of its prices, given their total, are multinomial when they are Poisson
with a rate of base x exposure x price^elasticity: the base falls out (Hausman, Hall and Griliches,
Econometric Models for Count Data, 1984). Products are shrunk to their category by an empirical
Bayes normal prior (Morris, Parametric Empirical Bayes Inference, 1983).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ml.arrays import Floats, Ints

PRIOR_MEAN, PRIOR_DEVIATION = -2.0, 1.5
"""Of all products, before any sale: most retail elasticities lie between -1 and -4 (Bijmolt, van
Heerde and Pieters, New Empirical Generalizations on the Determinants of Price Elasticity, 2005)."""
_STEPS = 50
_PASSES = 6
_LEAST_LINES = 3
_LEAST_SPREAD = 0.05


@dataclass(frozen=True)
class Elasticities:
    """Mean and standard deviation by category, and by product where its sales say something.

    `categories` and `products` are keyed by (source_system, name); `spread` is the standard
    deviation of products around their category.
    """

    categories: Mapping[tuple[str, str], tuple[float, float]]
    products: Mapping[tuple[str, str], tuple[float, float]]
    spread: float

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Adds elasticity and elasticity_deviation to rows with source, category and product.

        A product without sales of its own has its category's mean and the spread around it.
        """
        fallback = (PRIOR_MEAN, PRIOR_DEVIATION)
        means, deviations = [], []
        for source, category, product in rows.select(
            "source_system", "category", "product_id"
        ).iter_rows():
            found = self.products.get((source, product))
            if found is None:
                mean, deviation = self.categories.get((source, category), fallback)
                found = (mean, float(np.hypot(deviation, self.spread)))
            means.append(found[0])
            deviations.append(found[1])
        return rows.with_columns(
            pl.Series("elasticity", means, dtype=pl.Float64),
            pl.Series("elasticity_deviation", deviations, dtype=pl.Float64),
        )

    def knows(self, rows: pl.DataFrame) -> pl.Series:
        """Whether anything was learned of the source and category of each row."""
        keys = rows.select("source_system", "category").iter_rows()
        return pl.Series("is_known", [key in self.categories for key in keys], pl.Boolean)

    def of_category(self, rows: pl.DataFrame) -> pl.Series:
        """The mean elasticity of the category of each row; that of the prior for an unknown one."""
        means = [
            self.categories.get(key, (PRIOR_MEAN, PRIOR_DEVIATION))[0]
            for key in rows.select("source_system", "category").iter_rows()
        ]
        return pl.Series("category_elasticity", means, dtype=pl.Float64)

    def save(self, file: Path) -> None:
        """Writes JSON."""
        content = {
            "categories": [[*key, *value] for key, value in self.categories.items()],
            "products": [[*key, *value] for key, value in self.products.items()],
            "spread": self.spread,
        }
        file.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Elasticities:
        """Reads what `save` wrote."""
        content = json.loads(file.read_text(encoding="utf-8"))
        return cls(
            {(source, name): (mean, sd) for source, name, mean, sd in content["categories"]},
            {(source, name): (mean, sd) for source, name, mean, sd in content["products"]},
            content["spread"],
        )


def fit_elasticities(responses: pl.DataFrame) -> Elasticities:
    """Elasticities of rows of features.price_responses, one by product, month and price.

    Columns: source_system, category, product_id, month_start, price (> 0) in currency,
    in_stock_days, line_count and category_line_count (>= 0). A product competes with its category:
    what it may expect of the category's lines falls as its rivals are cheap, many or in stock,
    which is estimated in passes. Products that were sold at one price only tell nothing of their
    own. Without rows there is no elasticity and the spread is 0.
    """
    # Prices in two currencies are not comparable, and the last one is that of proposals.
    last_currency = pl.col("currency").sort_by("month_start").last()
    rows = (
        responses.filter((pl.col("category_line_count") > 0) & (pl.col("price") > 0))
        .filter(pl.col("currency") == last_currency.over("source_system", "product_id"))
        .filter(pl.col("line_count").sum().over("source_system", "product_id") >= _LEAST_LINES)
        .sort("source_system", "category", "product_id", "month_start", "price")
    )
    if rows.is_empty():
        return Elasticities({}, {}, 0.0)
    panel = _Panel.of(rows)
    product_category = panel.category[panel.first]
    prior = np.full(int(product_category.max()) + 1, 1 / PRIOR_DEVIATION**2)
    prior_mean = np.full(prior.size, PRIOR_MEAN)
    pooled, own, spread = prior_mean, prior_mean[product_category], 0.0
    for _ in range(_PASSES):
        # Sales vary more than independent buyers would: the likelihood is worth less.
        panel = panel.beside_rivals(own)
        panel.weight = 1 / panel.dispersion(own)
        pooled, pooled_information = _newton(panel, product_category, prior_mean, prior)
        spread = _spread(panel, pooled[product_category])
        own_prior = np.full(panel.size, 1 / max(spread, _LEAST_SPREAD) ** 2)
        own, own_information = _newton(
            panel, np.arange(panel.size), pooled[product_category], own_prior
        )
    deviation = 1 / np.sqrt(own_information)
    pooled_deviation = 1 / np.sqrt(pooled_information)
    # A product hangs on its category as far as it is shrunk to it.
    shrinkage = own_prior * deviation**2
    own_deviation = np.hypot(deviation, shrinkage * pooled_deviation[product_category])

    names = rows[panel.first]
    keys = names.select("source_system", "product_id").rows()
    categories = names.select("source_system", "category").rows()
    return Elasticities(
        {
            categories[i]: (float(pooled[c]), float(pooled_deviation[c]))
            for i, c in enumerate(product_category.tolist())
        },
        {
            key: (float(mean), float(sd))
            for key, mean, sd in zip(keys, own, own_deviation, strict=True)
        },
        spread,
    )


class _Panel:
    """Rows of products (sorted), with what the conditional likelihood needs.

    `market` numbers the categories by month; `category_lines` is what a row's category sold while
    the product was in stock, `exposure` the log of the part of them it may expect at price 1.
    """

    def __init__(
        self,
        product: Ints,
        category: Ints,
        market: Ints,
        log_price: Floats,
        lines: Floats,
        category_lines: Floats,
        days: Floats,
    ) -> None:
        self.product, self.category, self.market = product, category, market
        self.first = np.flatnonzero(np.diff(product, prepend=-1))
        self.size = self.first.size
        self.lines, self.category_lines, self.days = lines, category_lines, days
        self.total = np.add.reduceat(lines, self.first)
        weighted = np.add.reduceat(category_lines * log_price, self.first)
        mean = weighted / np.add.reduceat(category_lines, self.first)
        self.log_price = log_price - mean[product]  # centred: steps of Newton stay small
        self.exposure = np.log(category_lines)
        self.weight = 1.0

    @classmethod
    def of(cls, rows: pl.DataFrame) -> _Panel:
        """The panel of sorted responses."""

        def numbered(*names: str) -> Ints:
            numbers: Ints = rows.select(pl.struct(names).rank("dense")).to_series().to_numpy() - 1
            return numbers.astype(np.int64)

        def values(name: str) -> Floats:
            found: Floats = rows[name].cast(pl.Float64).to_numpy()
            return found

        return cls(
            rows.select("source_system", "product_id")
            .to_struct("p")
            .rle_id()
            .to_numpy()
            .astype(np.int64),
            numbered("source_system", "category"),
            numbered("source_system", "category", "month_start"),
            np.log(values("price")),
            values("line_count"),
            values("category_line_count"),
            values("in_stock_days"),
        )

    def beside_rivals(self, elasticity: Floats) -> _Panel:
        """The same rows, with exposures that take into account how attractive rivals are."""
        panel = copy(self)
        draw = np.exp(elasticity[self.product] * self.log_price)
        expected = np.add.reduceat(np.exp(self.exposure) * draw, self.first)
        attraction = (self.total / expected)[self.product] * draw
        rivals = np.bincount(self.market, attraction * self.days)
        panel.exposure = np.log(self.category_lines) - np.log(rivals[self.market])
        return panel

    def dispersion(self, elasticity: Floats) -> float:
        """Pearson's chi-squared over its degrees of freedom, at least 1, at given elasticities.

        Rows that expect less than one line say little of the variance, and are left out.
        """
        expected = self.total[self.product] * self._shares(elasticity)
        usable = expected >= 1
        freedom = usable.sum() - np.unique(self.product[usable]).size
        if freedom < 1:
            return 1.0
        squares = (self.lines[usable] - expected[usable]) ** 2 / expected[usable]
        return float(max(1.0, squares.sum() / freedom))

    def score(self, elasticity: Floats) -> tuple[Floats, Floats]:
        """Slope and information of the log-likelihood by product, at elasticities by product."""
        share = self._shares(elasticity)
        mean = np.add.reduceat(share * self.log_price, self.first)
        square = np.add.reduceat(share * self.log_price**2, self.first)
        slope = np.add.reduceat(self.lines * self.log_price, self.first) - self.total * mean
        return self.weight * slope, self.weight * self.total * np.maximum(square - mean**2, 0)

    def _shares(self, elasticity: Floats) -> Floats:
        """The share of each row in the lines of its product."""
        logit = self.exposure + elasticity[self.product] * self.log_price
        logit -= np.maximum.reduceat(logit, self.first)[self.product]
        share: Floats = np.exp(logit)
        return share / np.add.reduceat(share, self.first)[self.product]


def _newton(
    panel: _Panel, group: Ints, prior_mean: Floats, prior_information: Floats
) -> tuple[Floats, Floats]:
    """The most likely elasticity of each group of products under a normal prior, by Newton steps.

    `group` numbers the group of each product; priors, estimates and information (1 / variance) are
    by group.
    """
    estimate = prior_mean.copy()
    information = prior_information.copy()
    for _ in range(_STEPS):
        slope, curvature = panel.score(estimate[group])
        slopes = np.bincount(group, slope, estimate.size)
        information = np.bincount(group, curvature, estimate.size) + prior_information
        step = (slopes - prior_information * (estimate - prior_mean)) / information
        estimate = estimate + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-10:
            break
    return estimate, information


def _spread(panel: _Panel, pooled: Floats) -> float:
    """Standard deviation of products around their category, by the method of moments.

    At the pooled value the slope of a product has variance information + information^2 x spread^2.
    """
    slope, information = panel.score(pooled)
    excess = float((slope**2 - information).sum() / max((information**2).sum(), 1e-12))
    return float(np.sqrt(max(excess, 0.0)))
