"""The data of the demand benchmark as panels: shop, Olist, Online Retail II, carparts."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import polars as pl

from bench.harness import DATA
from bench.ml.homes import Homes
from ingest.home import Home
from ml.demand.frequency import DAY, MONTH, WEEK, Frequency
from ml.demand.model import DEMAND, panel_of
from ml.demand.panel import Panel

SHOP_PRODUCTS = 2_000
LEAST_SALES = 20
"""Olist: products that sold this often before the first test origin; most sold once."""
_OLIST_DAYS = (date(2017, 1, 2), date(2018, 8, 27))
"""Whole weeks: before, Olist hardly sold; after, its files end."""
_SEED = 1


@dataclass(frozen=True)
class DataSet:
    """A panel and the origins it is forecast from, the last one first."""

    name: str
    panel: Panel
    frequency: Frequency
    origins: tuple[date, ...]


def shop_rows(home: Home, products: int = SHOP_PRODUCTS) -> pl.DataFrame:
    """The demand feature of a seeded sample of the shop's products."""
    listed = _query(home, f"select distinct product_id from {DEMAND} where source_system = 'shop'")
    names = sorted(listed["product_id"].to_list())
    if len(names) > products:
        names = random.Random(_SEED).sample(names, products)
    chosen = ", ".join(f"'{name}'" for name in names)
    return _query(
        home,
        f"select * from {DEMAND} where source_system = 'shop' and product_id in ({chosen})",
    )


def shop_origins(rows: pl.DataFrame) -> tuple[date, ...]:
    """Three origins a horizon apart, the last a horizon before the end of what is known."""
    last = rows.filter(~pl.col("is_future"))["business_date"].max()
    if not isinstance(last, date):
        raise ValueError("The shop has no day that is over.")
    return tuple(last + timedelta(days=1 - DAY.horizon * back) for back in (1, 2, 3))


def shop(homes: Homes) -> DataSet:
    """Simulator: ordered units by product and day, stock-out days masked.

    Promotions and holidays are planned; prices are not.
    """
    rows = shop_rows(homes.simulator())
    return DataSet("shop", panel_of(rows, "ordered_units"), DAY, shop_origins(rows))


def olist(homes: Homes, by: str) -> DataSet:
    """Olist by week: `by` is category, or product (LEAST_SALES sold before the tests)."""
    rows = _query(homes.olist(), f"select * from {DEMAND} where source_system = 'olist'")
    first, before = _OLIST_DAYS
    sold = rows.filter((pl.col("business_date") >= first) & (pl.col("business_date") < before))
    origins: tuple[date, ...] = (date(2018, 5, 28), date(2018, 2, 26), date(2017, 11, 27))
    if by == "product":
        origins = origins[:2]
        early = sold.filter(pl.col("business_date") < origins[1]).group_by("product_id")
        kept = early.agg(pl.col("ordered_units").sum()).filter(
            pl.col("ordered_units") >= LEAST_SALES
        )
        panel = panel_of(sold.join(kept, on="product_id", how="semi"), "ordered_units")
    else:
        series = (pl.col("category").alias("series_id"), pl.col("business_date").alias("period"))
        units = pl.col("ordered_units").sum().cast(pl.Float64).alias("units")
        summed = sold.group_by(*series).agg(units)
        panel = Panel(summed.with_columns(is_masked=False, category=pl.col("series_id")))
    return DataSet(f"olist by {by}", panel, WEEK, origins)


def retail(homes: Homes) -> DataSet:
    """Online Retail II, first year, by week and stock code; returns are not netted.

    Origins four weeks apart: earlier ones would leave too little of the year. The category is the
    half decade of the price of the first sale, as the file has none.
    """
    source = DATA / "online_retail_ii" / "year_2009_2010.parquet"
    frame = _query(None, _RETAIL.format(source=source))
    origins = (date(2010, 9, 6), date(2010, 8, 9), date(2010, 7, 12))
    return DataSet("retail", Panel(frame), WEEK, origins)


def carparts(homes: Homes) -> DataSet:
    """Monthly demand of car parts: the 2,509 of 2,674 series that are known to their end."""
    wide = pl.read_parquet(DATA / "carparts" / "carparts.parquet")
    whole = [name for name in wide.columns if wide[name].null_count() == 0]
    first = date(1998, 1, 1)
    months = pl.date_range(first, pl.lit(first).dt.offset_by("50mo"), "1mo", eager=True)
    frame = (
        wide.select(whole)
        .with_columns(months.alias("period"))
        .unpivot(index="period", variable_name="series_id", value_name="units")
        .with_columns(is_masked=False, category=pl.lit("part"))
    )
    origins = (date(2001, 4, 1), date(2000, 10, 1), date(2000, 4, 1))
    return DataSet("carparts", Panel(frame), MONTH, origins)


DATA_SETS: dict[str, Callable[[Homes], DataSet]] = {
    "shop": shop,
    "olist by category": lambda homes: olist(homes, "category"),
    "olist by product": lambda homes: olist(homes, "product"),
    "retail": retail,
    "carparts": carparts,
}


def _query(home: Home | None, statement: str) -> pl.DataFrame:
    file = str(home.warehouse_file) if home else ":memory:"
    with duckdb.connect(file, read_only=home is not None) as connection:
        connection.execute("set timezone = 'UTC'")
        found: pl.DataFrame = connection.sql(statement).pl()
        return found


_RETAIL = """
with sold as (
    select
        upper(StockCode) as series_id, date_trunc('week', InvoiceDate)::date as period,
        Quantity as units, Price as price, InvoiceDate as sold_at
    from '{source}'
    where Quantity > 0 and Price > 0 and Invoice not like 'C%'
        and InvoiceDate >= timestamp '2009-12-07' and InvoiceDate < timestamp '2010-12-06'
        and regexp_matches(StockCode, '^[0-9]{{5}}')
),
counted as (
    select series_id, period, sum(units) as units from sold group by all
),
spine as (
    select series_id, 'price ' || floor(2 * log10(arg_min(price, sold_at)))::int as category,
        unnest(generate_series(
            date_trunc('week', min(sold_at)), timestamp '2010-11-29', interval 7 day
        ))::date as period
    from sold group by series_id
)
select series_id, spine.period, coalesce(units, 0)::double as units,
    false as is_masked, category
from spine left join counted using (series_id, period)
"""
