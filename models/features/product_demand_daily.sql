{{ config(**daily_feature('business_date')) }}

with products as (
    select * from {{ ref('int_products_first_known') }}
),

planned_days as (
    select * from {{ ref('int_demand_days_planned') }}
),

reported_days as (
    select * from {{ ref('int_demand_reported') }}
),

ordered_days as (
    select * from {{ ref('int_units_summed') }}
),

product_days as (
    select
        products.source_system,
        products.product_id,
        products.category,
        days.business_date,
        days.is_future,
        {{ days_between('products.offer_date', 'days.business_date') }} as age_days,
        days.is_holiday,
        cast(days.planned_discount_share as decimal(6, 4)) as planned_discount_share,
        last_value(reported.unit_price ignore nulls) over (
            partition by products.source_system, products.product_id order by days.business_date
            rows between unbounded preceding and current row
        ) as unit_price,
        coalesce(reported.is_stock_out, false) as is_stock_out,
        case when not days.is_future then coalesce(reported.line_count, 0) end as reported_lines,
        case when not days.is_future then coalesce(reported.quantity, 0) end as reported_units,
        case when not days.is_future then coalesce(ordered.quantity, 0) end as ordered_units,
        greatest(days.reported_at, products.available_at) as available_at
    from products
    inner join planned_days as days
        on products.source_system = days.source_system
        and products.category = days.category
        and products.offer_date <= days.business_date
    left join reported_days as reported
        on products.source_system = reported.source_system
        and products.product_id = reported.product_id
        and days.business_date = reported.business_date
    left join ordered_days as ordered
        on products.source_system = ordered.source_system
        and products.product_id = ordered.product_id
        and days.business_date = ordered.order_date
)

select * from product_days
where {{ is_wanted_day('business_date') }}
