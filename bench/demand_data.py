"""The data of the demand benchmark as panels: shop, Olist, Online Retail II, carparts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from bench.harness import DATA
from ingest.home import PROJECT_DIR
from ingest.simulator import simulate
from ingest.simulator.vocabulary import MARKETS
from ml.demand.frequency import DAY, MONTH, WEEK, Frequency
from ml.demand.panel import Panel

LEAST_SALES = 20
"""Olist: products that sold this often before the first test origin; most sold once."""


@dataclass(frozen=True)
class DataSet:
    """A panel and the origins it is forecast from, the last one first."""

    name: str
    panel: Panel
    frequency: Frequency
    origins: tuple[date, ...]


def shop() -> DataSet:
    """Simulator, scale 1: ordered units by product and day, stock-out days masked.

    Units of orders that any extract says were cancelled are taken out, as the warehouse does.
    Promotions and holidays are planned; prices are not.
    """
    with tempfile.TemporaryDirectory(prefix="storehouse-bench-") as folder:
        home = Path(folder)
        simulate("1", seed=1, days=None, loads=3, out=home / "extracts")
        frame = _query(
            _SHOP.format(
                extracts=home / "extracts", truth=home / "truth", seeds=PROJECT_DIR / "seeds"
            )
        )
    shares = pl.DataFrame(
        {"country_code": list(MARKETS), "share": [market.share for market in MARKETS.values()]}
    )
    holidays = (
        pl.read_csv(PROJECT_DIR / "seeds" / "holidays.csv", try_parse_dates=True)
        .join(shares, on="country_code")
        .group_by(pl.col("holiday_date").alias("period"))
        .agg((pl.col("share").sum() / shares["share"].sum()).alias("is_holiday"))
    )
    frame = frame.join(holidays, on="period", how="left").with_columns(
        pl.col("is_holiday").fill_null(0.0)
    )
    panel = Panel(frame, planned=("discount_share", "is_holiday"))
    return DataSet("shop", panel, DAY, (date(2025, 12, 4), date(2025, 11, 6), date(2025, 10, 9)))


def olist(by: str) -> DataSet:
    """Olist by week: `by` is category, product (LEAST_SALES sold before the tests) or all.

    Whole weeks from 2017-01-02 to 2018-08-26; before, Olist hardly sold, after, files end.
    """
    origins: tuple[date, ...] = (date(2018, 5, 28), date(2018, 2, 26), date(2017, 11, 27))
    frame = _query(_OLIST.format(folder=DATA / "olist", series=_OLIST_SERIES[by]))
    if by == "product":
        early = frame.filter(pl.col("period") < origins[1]).group_by("series_id")
        kept = early.agg(pl.col("units").sum()).filter(pl.col("units") >= LEAST_SALES)
        frame = frame.join(kept.select("series_id"), on="series_id", how="semi")
        origins = origins[:2]
    elif by == "all":
        origins = origins[:1]
    name = "olist all products" if by == "all" else f"olist by {by}"
    return DataSet(name, Panel(frame), WEEK, origins)


def retail() -> DataSet:
    """Online Retail II, first year, by week and stock code; returns are not netted.

    Origins four weeks apart: earlier ones would leave too little of the year. The category is the
    half decade of the price of the first sale, as the file has none.
    """
    source = DATA / "online_retail_ii" / "year_2009_2010.parquet"
    frame = _query(_RETAIL.format(source=source))
    origins = (date(2010, 9, 6), date(2010, 8, 9), date(2010, 7, 12))
    return DataSet("retail", Panel(frame), WEEK, origins)


def carparts() -> DataSet:
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


DATA_SETS: dict[str, Callable[[], DataSet]] = {
    "shop": shop,
    "olist by category": lambda: olist("category"),
    "olist by product": lambda: olist("product"),
    "olist all products": lambda: olist("all"),
    "retail": retail,
    "carparts": carparts,
}


def _query(statement: str) -> pl.DataFrame:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        found: pl.DataFrame = connection.sql(statement).pl()
        return found


_SHOP = """
with order_states as (
    select order_id, order_status, ordered_at, op
    from read_csv('{extracts}/orders_*.csv', all_varchar = true)
    qualify row_number() over (
        partition by order_id order by updated_at desc, case op when 'D' then 0 else 1 end
    ) = 1
),
line_states as (
    select order_id, line_number, product_id, quantity::int as quantity, op
    from read_csv('{extracts}/order_items_*.csv', all_varchar = true)
    qualify row_number() over (
        partition by order_id, line_number
        order by updated_at desc, case op when 'D' then 0 else 1 end
    ) = 1
),
sold as (
    select
        line_states.product_id,
        timezone('Europe/Berlin', ordered_at::timestamptz)::date as period,
        sum(quantity) as units
    from line_states
    join order_states using (order_id)
    where line_states.op <> 'D' and order_states.op <> 'D' and order_status <> 'cancelled'
    group by all
),
products as (
    select product_id, arg_max(lower(trim(category)), updated_at) as category,
        min(timezone('Europe/Berlin', launched_at::timestamptz)::date) as launch_date
    from read_json('{extracts}/products_*.json')
    group by all
),
spine as (
    select product_id, category, unnest(generate_series(
        greatest(launch_date, date '2024-01-01'), date '2025-12-31', interval 1 day
    ))::date as period
    from products
),
prices as (
    select
        product_id,
        greatest(valid_from::date, date '1970-01-01') as valid_from,
        max(amount_eur_cents) / 100 as price
    from '{truth}/product_prices.parquet' group by all
),
promotions as (
    select lower(category) as category, start_date::date as start_date,
        end_date::date as end_date, discount_share::double as discount_share
    from read_csv('{seeds}/promotions.csv', all_varchar = true)
),
discounts as (
    select product_id, period, max(discount_share) as discount_share
    from spine join promotions
        on period >= start_date and period < end_date
        and coalesce(promotions.category, spine.category) = spine.category
    group by all
)
select
    spine.product_id as series_id, spine.period, coalesce(units, 0)::double as units,
    stock_outs.product_id is not null as is_masked, category, prices.price,
    coalesce(discount_share, 0) as discount_share
from spine
left join sold on sold.product_id = spine.product_id and sold.period = spine.period
left join '{truth}/stock_outs.parquet' as stock_outs
    on stock_outs.product_id = spine.product_id and stock_outs.date = spine.period
left join discounts on discounts.product_id = spine.product_id
    and discounts.period = spine.period
asof left join prices on prices.product_id = spine.product_id
    and prices.valid_from <= spine.period
"""

_OLIST_SERIES = {"category": "category", "product": "product_id", "all": "product_id"}
_OLIST = """
with sold as (
    select
        product_id, coalesce(product_category_name, 'none') as category,
        date_trunc('week', order_purchase_timestamp::timestamp)::date as period
    from read_csv('{folder}/olist_order_items_dataset.csv.gz', all_varchar = true) as items
    join read_csv('{folder}/olist_orders_dataset.csv.gz', all_varchar = true) as orders
        using (order_id)
    join read_csv('{folder}/olist_products_dataset.csv.gz', all_varchar = true) as products
        using (product_id)
    where order_status not in ('canceled', 'unavailable')
),
counted as (
    select {series} as series_id, category, period, count(*) as units
    from sold
    where period >= date '2017-01-02' and period < date '2018-08-27'
    group by all
),
spine as (
    select series_id, category, unnest(generate_series(
        min(period), date '2018-08-20', interval 7 day
    ))::date as period
    from counted group by series_id, category
)
select series_id, spine.period, coalesce(units, 0)::double as units,
    false as is_masked, spine.category
from spine left join counted using (series_id, period)
"""

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
