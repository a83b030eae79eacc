"""What scale 1 plants in its demand, found again without the simulator's code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from ml.arrays import Floats
from tests.python.ingest.simulator.conftest import Planted

CATEGORY_ELASTICITIES = {
    "Electronics": -2.5,
    "Home & Kitchen": -2.0,
    "Fashion": -3.2,
    "Beauty": -1.7,
    "Sports": -2.2,
    "Toys": -2.8,
    "Books": -1.4,
    "Garden": -1.9,
}


@dataclass(frozen=True)
class Panel:
    """Products x days of one category: lines of honest orders, log price, planted exponents."""

    lines: Floats
    is_in_stock: Floats
    log_price: Floats
    elasticity: Floats


@dataclass(frozen=True)
class Fit:
    """Slopes of log demand on the log price and on it times the product's own deviation.

    `information` is what each product told about the first one.
    """

    slopes: Floats
    errors: Floats
    information: Floats


def panel_of(planted: Planted, category: str) -> Panel:
    """The products that hold less than 5 % of the category, on the days since their first sale."""
    cells = planted.columns(
        f"""
        with products as (
            select product_id, elasticity, min(day) as first_day
            from truth_product_elasticities join sold using (product_id)
            where category = '{category}' and reference_share < 0.05 group by all
        ),
        honest as (
            select product_id, day, count(*) as lines
            from lines join orders using (order_id) anti join truth_fraud using (order_id)
            group by all
        ),
        prices as (
            select product_id, (valid_from at time zone 'UTC')::date as first_day, amount_eur_cents
            from truth_product_prices
        )
        select products.elasticity, ln(prices.amount_eur_cents) as log_price,
            coalesce(honest.lines, 0)::double as lines,
            (calendar.date > products.first_day and outs.date is null)::double as is_in_stock
        from products cross join truth_calendar as calendar
        asof join prices on prices.product_id = products.product_id
            and prices.first_day <= calendar.date
        left join honest on honest.product_id = products.product_id and honest.day = calendar.date
        left join truth_stock_outs as outs
            on outs.product_id = products.product_id and outs.date = calendar.date
        order by products.product_id, calendar.date
        """
    )
    grid = {name: np.asarray(values).reshape(-1, 730) for name, values in cells.items()}
    is_sold = (grid["lines"] * grid["is_in_stock"]).sum(axis=1) > 0
    grid = {name: values[is_sold] for name, values in grid.items()}
    return Panel(
        lines=grid["lines"] * grid["is_in_stock"],
        is_in_stock=grid["is_in_stock"],
        log_price=grid["log_price"],
        elasticity=grid["elasticity"][:, 0],
    )


def fitted(panel: Panel) -> Fit:
    """Poisson regression with an effect of each product and of each day (Newton's method)."""
    deviation = panel.elasticity - panel.elasticity.mean()
    regressors = np.stack([panel.log_price, panel.log_price * deviation[:, None]])
    slopes = np.array([-1.0, 0.0])
    by_day = np.ones(panel.lines.shape[1])
    for _ in range(50):
        mean = panel.is_in_stock * np.exp(np.tensordot(slopes, regressors, axes=1))
        by_product = panel.lines.sum(axis=1) / (mean @ by_day)
        by_day = panel.lines.sum(axis=0) / np.maximum(by_product @ mean, 1e-12)
        mean *= by_product[:, None] * by_day
        centred = regressors
        for _ in range(3):
            for axis in (1, 2):
                total = np.maximum(mean.sum(axis=axis - 1, keepdims=True), 1e-12)
                centred = centred - (mean * centred).sum(axis=axis, keepdims=True) / total
        slope = np.einsum("kij,ij->k", centred, panel.lines - mean)
        information = np.einsum("kij,lij,ij->kl", centred, centred, mean)
        step = np.linalg.solve(information, slope)
        slopes = slopes + step
        if np.abs(step).max() < 1e-5:
            break
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return Fit(slopes, errors, (mean * centred[0] ** 2).sum(axis=1))


@pytest.fixture(scope="module")
def fits(planted: Planted) -> dict[str, tuple[Panel, Fit]]:
    """The regression of each category."""
    panels = {category: panel_of(planted, category) for category in CATEGORY_ELASTICITIES}
    return {category: (panel, fitted(panel)) for category, panel in panels.items()}


def test_truth_spreads_elasticities_around_their_categories(planted: Planted) -> None:
    found = dict(
        planted.all("select distinct category, category_elasticity from truth_product_elasticities")
    )
    assert found == CATEGORY_ELASTICITIES
    spread, lowest, highest, products, shares = planted.row(
        """
        select stddev(elasticity - category_elasticity), min(elasticity), max(elasticity), count(*),
            sum(reference_share)
        from truth_product_elasticities
        """
    )
    assert 0.32 < spread < 0.37
    assert lowest >= -4.5 and highest <= -0.8
    assert (products, shares) == (2_000, pytest.approx(8))


@pytest.mark.parametrize("category", CATEGORY_ELASTICITIES)
def test_regression_recovers_the_elasticity_of_a_category(
    fits: dict[str, tuple[Panel, Fit]], category: str
) -> None:
    """Standard errors are 0.06 to 0.10; the mean of the category's products adds about 0.05."""
    panel, fit = fits[category]
    planted_mean = np.average(panel.elasticity, weights=fit.information)
    assert fit.errors[0] < 0.12
    assert fit.slopes[0] == pytest.approx(planted_mean, abs=0.2)
    assert fit.slopes[0] == pytest.approx(CATEGORY_ELASTICITIES[category], abs=0.25)


def test_products_answer_with_their_own_elasticity(fits: dict[str, tuple[Panel, Fit]]) -> None:
    """The slope on planted deviations is 1 where each product has its own, 0 if none had."""
    slopes = np.array([fit.slopes[1] for _, fit in fits.values()])
    weights = np.array([fit.errors[1] ** -2 for _, fit in fits.values()])
    assert weights.sum() ** -0.5 < 0.1
    assert np.average(slopes, weights=weights) == pytest.approx(1, abs=0.2)


def test_prices_walk_within_their_range_and_some_changes_are_taken_back(planted: Planted) -> None:
    steps = """
        with steps as (
            select product_id, valid_from, amount_eur_cents as cents, row_number() over w as number,
                first(amount_eur_cents) over w as initial,
                lag(amount_eur_cents) over w as previous, lag(amount_eur_cents, 2) over w as older
            from truth_product_prices window w as (partition by product_id order by valid_from)
        )
    """
    lowest, highest, down, up, reverted = planted.row(
        f"""
        {steps} select min(cents / initial), max(cents / initial), min(cents / previous),
            max(cents / previous), avg((cents = older)::int)
        from steps where number > 1 and initial > 1000
        """
    )
    assert 0.74 < lowest < 0.76 and 1.24 < highest < 1.26
    assert 0.84 < down < 0.86 and 1.14 < up < 1.19
    assert 0.15 < reverted < 0.35
    every = planted.one(
        f"""
        {steps}, lives as (
            select product_id, date '2026-01-01' - min(day) as days from sold group by product_id
        )
        select sum(days) / (select count(*) from steps where number > 1) from lives
        """
    )
    assert 60 < every < 90
    small = planted.one(
        f"""
        {steps} select avg((abs(cents / previous - 1) > 0.16)::int) from steps
        where number > 1 and initial > 1000 and cents is distinct from older
        """
    )
    assert small == 0


def test_a_business_day_has_one_price_and_lines_carry_it(planted: Planted) -> None:
    at_midnight = """
        select bool_and(date_trunc('day', valid_from at time zone 'UTC')
            = valid_from at time zone 'UTC')
        from truth_product_prices where valid_from > '2000-01-01'
    """
    assert planted.one(at_midnight)
    lines, right, days = planted.row(
        """
        with euro as (
            select product_id, day, unit_cents from lines join orders using (order_id)
            where currency = 'EUR'
        ),
        prices as (
            select product_id, (valid_from at time zone 'UTC')::date as first_day, amount_eur_cents
            from truth_product_prices
        )
        select count(*), count(*) filter (unit_cents = amount_eur_cents),
            count(distinct first_day)
        from euro asof join prices
            on prices.product_id = euro.product_id and prices.first_day <= euro.day
        """
    )
    assert lines == right > 150_000
    assert days > 700


def test_expected_demand_follows_the_price(planted: Planted) -> None:
    """Sold by expected is the same after cuts as after rises, so the expectation holds the price.

    It is some per cent above 1: substitutes for what was out of stock, and products not yet
    launched, whose demand the others have.
    """
    ratio = {
        level: (units, sold / expected)
        for level, units, sold, expected in planted.all(
            """
            with periods as (
                select *, price_eur_cents / first(price_eur_cents) over (
                    partition by product_id order by valid_from) as level
                from truth_product_demand
            ),
            in_stock as (
                select periods.*, count(outs.date) as days_out
                from periods left join truth_stock_outs as outs
                    on outs.product_id = periods.product_id
                    and valid_from <= outs.date and outs.date < valid_to
                group by all
            ),
            realised as (
                select level, coalesce(sum(units), 0) as units,
                    expected_units_per_day * (valid_to - valid_from - days_out) as expected
                from in_stock left join sold on sold.product_id = in_stock.product_id
                    and valid_from <= day and day < valid_to
                group by in_stock.product_id, valid_from, level, expected
            )
            select case when level < 0.9 then 'cut' when level > 1.1 then 'raised' else 'usual' end,
                count(*), sum(units), sum(expected)
            from realised group by all
            """
        )
    }
    assert all(periods > 2_000 for periods, _ in ratio.values())
    assert 1.0 < ratio["usual"][1] < 1.15
    assert ratio["cut"][1] == pytest.approx(ratio["usual"][1], rel=0.05)
    assert ratio["raised"][1] == pytest.approx(ratio["usual"][1], rel=0.05)


def test_promotions_are_the_ones_on_the_lines(planted: Planted) -> None:
    missing = planted.all(
        """
        select distinct orders.day, truth_products.category, lines.promotion_id
        from lines join orders using (order_id) join truth_products using (product_id)
        left join truth_promotion_lift as lift
            on lift.date = orders.day and lift.category = truth_products.category
        where lines.promotion_id is distinct from lift.promotion_id
        """
    )
    assert missing == []


@pytest.mark.parametrize("strength", ["weak", "strong"])
def test_promotion_lift_is_seen_in_the_units_of_the_category(
    planted: Planted, strength: str
) -> None:
    """Against the fortnights before and after; promotions of the whole shop fall in odd weeks."""
    realised, expected = planted.row(
        f"""
        with demand as (
            select category, day, sum(units) as units
            from sold join truth_products using (product_id) group by all
        ),
        days as (
            select demand.*, promotion_id, lift from demand
            left join truth_promotion_lift on date = day
                and truth_promotion_lift.category = demand.category
        ),
        promotions as (
            select category, promotion_id, min(day) as first_day, max(day) as last_day,
                avg(lift) as lift, sum(units) as units, count(*) as days
            from days where promotion_id is not null group by all
            having count(*) > 5
        ),
        judged as (
            select promotions.*, avg(days.units) as usual, count(*) as usual_days
            from promotions join days on days.category = promotions.category
                and days.promotion_id is null
                and day between first_day - 14 and last_day + 14
            group by all
        )
        select sum(units), sum(usual * lift * days) from judged
        where usual_days > 20 and lift {"<" if strength == "weak" else ">="} 1.25
        """
    )
    assert expected > 3_000
    assert realised == pytest.approx(expected, rel=0.06)


def test_shelves_run_out_and_more_often_when_much_is_sold(planted: Planted) -> None:
    quiet, busy, overall = planted.row(
        """
        with days as (
            select product_id, category, calendar.date from truth_products
            join (select product_id, min(day) as first_day from sold group by all)
                using (product_id)
            cross join truth_calendar as calendar
            where not is_evergreen and calendar.date > first_day
        ),
        judged as (
            select lift.date is not null as is_promoted, outs.date is not null as is_out
            from days
            left join truth_promotion_lift as lift using (category, date)
            left join truth_stock_outs as outs using (product_id, date)
        )
        select avg(is_out::int) filter (not is_promoted), avg(is_out::int) filter (is_promoted),
            avg(is_out::int)
        from judged
        """
    )
    assert 0.03 < overall < 0.05
    assert 1.5 * quiet < busy < 3 * quiet


def test_the_shelf_is_empty_on_exactly_the_planned_days_and_nothing_is_sold(
    planted: Planted,
) -> None:
    sold = """
        select count(*) from sold join truth_stock_outs as outs
        on outs.product_id = sold.product_id and outs.date = day
    """
    assert planted.one(sold) == 0
    planned, empty, both = planted.row(
        f"""
        with planned as (
            select product_id, date from truth_stock_outs
            where '2025-10-01' <= date and date < '2025-12-31'
        ),
        empty as (
            select inventory.product_id, inventory.snapshot_date as date
            from '{planted.extracts}/inventory_20251*.csv' as inventory
            left join truth_negative_stock as wrong on wrong.product_id = inventory.product_id
                and wrong.date = inventory.snapshot_date
            where opening_quantity = 0 and received_quantity = 0
                and coalesce(true_quantity, closing_quantity) = 0
                and snapshot_date >= '2025-10-01'
        )
        select (select count(*) from planned), (select count(*) from empty),
            (select count(*) from empty semi join planned using (product_id, date))
        """
    )
    assert planned == empty == both > 5_000


def test_sold_plus_lost_is_the_demand_and_sold_alone_is_less(planted: Planted) -> None:
    """Expected demand of the empty shelves, from the same products' days in stock.

    What a product sells per unit of the rest of its category while in stock, times the units of the
    category while it is not. Units sold hold the substitutes for what was lost: these come off.
    """
    lost, expected, in_stock, all_days = planted.row(
        """
        with category_days as (
            select category, day, sum(units) as units
            from sold join truth_products using (product_id) group by all
        ),
        days as (
            select products.product_id, category_days.units as category_units,
                coalesce(sold.units, 0) as units, coalesce(lost_quantity, 0) as lost,
                outs.date is not null as is_out
            from truth_products as products
            join (select product_id, min(day) as first_day from sold group by all) as starts
                on starts.product_id = products.product_id
            join category_days on category_days.category = products.category
                and category_days.day > first_day
            left join sold on sold.product_id = products.product_id
                and sold.day = category_days.day
            left join truth_lost_demand as lost on lost.product_id = products.product_id
                and lost.date = category_days.day
            left join truth_stock_outs as outs on outs.product_id = products.product_id
                and outs.date = category_days.day
            where not is_evergreen
        ),
        products as (
            select sum(lost) as lost,
                sum(units) / sum(category_units - units) filter (not is_out)
                    * sum(category_units) filter (is_out) as expected,
                sum(units) as units, count(*) filter (not is_out) as days_in, count(*) as days
            from days group by product_id having bool_or(is_out)
        )
        select sum(lost), sum(expected), sum(units) / sum(days_in), sum(units) / sum(days)
        from products
        """
    )
    substitutes = planted.one(
        "select (select sum(lost_quantity) from truth_lost_demand) / (select sum(units) from sold)"
    )
    assert 0.03 < substitutes < 0.06
    assert lost == pytest.approx(expected * (1 - substitutes), rel=0.03)
    assert all_days < 0.96 * in_stock


def test_the_products_of_every_month_are_delivered_as_they_were(planted: Planted) -> None:
    """A full extract for each first of a month before the loads, at the true price and cost."""
    wrong = planted.all(
        f"""
        with delivered as (
            select
                product_id,
                strptime(regexp_extract(filename, '_([0-9]{{8}})T', 1), '%Y%m%d')::timestamptz
                    as midnight,
                (list_price::decimal(18, 2) * 100)::int as price,
                (cost.amount::decimal(18, 2) * 100)::int as cost
            from read_json(
                '{planted.extracts}/products_*.json', filename = true, timestampformat = 'none'
            )
        )
        select delivered.product_id, delivered.midnight
        from delivered
        asof join truth_product_prices as prices
            on delivered.product_id = prices.product_id
            and delivered.midnight > timezone('UTC', prices.valid_from)
        asof join truth_product_costs as costs
            on delivered.product_id = costs.product_id
            and delivered.midnight > timezone('UTC', costs.valid_from)
        where price <> prices.amount_eur_cents or cost <> costs.amount_eur_cents
        """
    )
    assert wrong == []
    months = planted.all(
        f"""
        select extract('day' from strptime(name[10:17], '%Y%m%d')) as day, count(*)
        from (select parse_filename(file) as name from glob('{planted.extracts}/products_*.json'))
        group by all order by all
        """
    )
    assert months == [(1, 24), (30, 1), (31, 1)]
