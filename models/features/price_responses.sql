{{ config(**daily_feature('month_start')) }}

with days as (
    select
        *,
        cast(date_trunc('month', business_date) as date) as month_start
    from {{ ref('price_days') }}
),

demand as (
    select * from {{ ref('product_demand_daily') }}
    where not is_future and period_days = 1
),

-- Months whose last day is there: what is said of a month is said once.
whole_months as (
    select
        source_system,
        cast(date_trunc('month', business_date) as date) as month_start,
        max(available_at) as available_at
    from demand
    group by source_system, date_trunc('month', business_date)
    having
        date_trunc('month', max(business_date) + interval 1 day)
        > date_trunc('month', max(business_date))
),

-- A change that is dated back takes days from the price before it: with what is said of one price
-- of a month all prices of it have to be known.
product_months as (
    select
        source_system,
        product_id,
        month_start,
        max(available_at) as available_at
    from days
    group by source_system, product_id, month_start
),

-- Of all products, with a known price or not: whose price becomes known later sold at the time.
category_days as (
    select
        source_system,
        category,
        business_date,
        sum(reported_lines) as category_lines
    from demand
    group by source_system, category, business_date
),

-- Lines of the category stand for season and promotions: a price moves a product's part of them.
responses as (
    select
        days.source_system,
        days.product_id,
        days.category,
        days.month_start,
        days.price,
        days.currency,
        cast(sum(days.in_stock_days) as integer) as in_stock_days,
        cast(sum(days.reported_lines) as bigint) as line_count,
        cast(sum(days.in_stock_days * category_days.category_lines) as bigint)
            as category_line_count,
        greatest(product_months.available_at, whole_months.available_at) as available_at
    from days
    inner join product_months
        on days.source_system = product_months.source_system
        and days.product_id = product_months.product_id
        and days.month_start = product_months.month_start
    inner join whole_months
        on days.source_system = whole_months.source_system
        and days.month_start = whole_months.month_start
    inner join category_days
        on days.source_system = category_days.source_system
        and days.category = category_days.category
        and days.business_date = category_days.business_date
    group by
        days.source_system,
        days.product_id,
        days.category,
        days.month_start,
        days.price,
        days.currency,
        product_months.available_at,
        whole_months.available_at
)

select * from responses
where {{ is_wanted_day('month_start') }}
