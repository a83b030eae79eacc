with days as (
    select * from {{ ref('int_price_days_measured') }}
),

last_days as (
    select
        source_system,
        max(business_date) as as_of_date
    from days
    group by source_system
),

median_prices as (
    select
        days.source_system,
        days.category,
        days.currency,
        median(cast(days.price as double)) as median_price
    from days
    inner join last_days
        on days.source_system = last_days.source_system
        and days.business_date = last_days.as_of_date
    group by days.source_system, days.category, days.currency
),

candidates as (
    select
        days.source_system,
        days.product_id,
        days.business_date as as_of_date,
        days.category,
        days.currency,
        days.price,
        days.cost as cost_amount,
        days.price / nullif(median_prices.median_price, 0) as price_to_category_ratio,
        {{ days_between('days.price_from_date', 'days.business_date') }} as days_since_change,
        days.planned_discount_share,
        cast(days.in_stock_days_before as integer) as in_stock_days_before,
        cast(days.reported_units_before as bigint) as units_before,
        days.reported_margin_before / cast(nullif(days.in_stock_days_before, 0) as double)
            as daily_margin_before,
        days.available_at
    from days
    inner join last_days
        on days.source_system = last_days.source_system
        and days.business_date = last_days.as_of_date
    left join median_prices
        on days.source_system = median_prices.source_system
        and days.category = median_prices.category
        and days.currency = median_prices.currency
)

select * from candidates
