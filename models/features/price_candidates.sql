with days as (
    select * from {{ ref('price_days') }}
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
        days.cost_amount,
        {{ days_between('days.price_from_date', 'days.business_date') }} as days_since_change,
        days.planned_discount_share,
        days.usual_daily_units,
        days.recent_sales_ratio,
        days.in_stock_days_before,
        days.units_before,
        days.available_at
    from days
    inner join last_days
        on days.source_system = last_days.source_system
        and days.business_date = last_days.as_of_date
)

select * from candidates
