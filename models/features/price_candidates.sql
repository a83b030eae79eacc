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

candidates as (
    select
        days.source_system,
        days.product_id,
        days.business_date as as_of_date,
        days.category,
        days.currency,
        days.price,
        days.cost as cost_amount,
        {{ days_between('days.price_from_date', 'days.business_date') }} as days_since_change,
        days.planned_discount_share,
        days.usual_daily_units,
        days.recent_sales_ratio,
        cast(days.in_stock_days_before as integer) as in_stock_days_before,
        cast(days.reported_units_before as bigint) as units_before,
        days.reported_margin_before / cast(nullif(days.in_stock_days_before, 0) as double)
            as daily_margin_before,
        days.available_at
    from days
    inner join last_days
        on days.source_system = last_days.source_system
        and days.business_date = last_days.as_of_date
)

select * from candidates
