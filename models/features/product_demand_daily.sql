{{ config(**daily_feature('business_date')) }}

with products as (
    select * from {{ ref('int_products_first_known') }}
),

planned_periods as (
    select * from {{ ref('int_demand_periods_planned') }}
),

reported_days as (
    select * from {{ ref('int_demand_reported') }}
),

ordered_days as (
    select * from {{ ref('int_units_summed') }}
),

sources as (
    select distinct
        source_system,
        period_days
    from planned_periods
),

reported_periods as (
    select
        reported.source_system,
        reported.product_id,
        {{ period_start('reported.business_date', 'sources.period_days') }} as business_date,
        cast(sum(reported.quantity) as bigint) as quantity,
        cast(sum(reported.line_count) as bigint) as line_count,
        max_by(
            reported.unit_price,
            case when reported.unit_price is not null then reported.business_date end
        ) as unit_price,
        max(case when reported.is_stock_out then 1 else 0 end) = 1 as is_stock_out
    from reported_days as reported
    inner join sources
        on reported.source_system = sources.source_system
    group by
        reported.source_system,
        reported.product_id,
        {{ period_start('reported.business_date', 'sources.period_days') }}
),

ordered_periods as (
    select
        ordered.source_system,
        ordered.product_id,
        {{ period_start('ordered.order_date', 'sources.period_days') }} as business_date,
        cast(sum(ordered.quantity) as bigint) as quantity
    from ordered_days as ordered
    inner join sources
        on ordered.source_system = sources.source_system
    group by
        ordered.source_system,
        ordered.product_id,
        {{ period_start('ordered.order_date', 'sources.period_days') }}
),

product_periods as (
    select
        products.source_system,
        products.product_id,
        products.category,
        periods.business_date,
        periods.period_days,
        periods.is_future,
        greatest({{ days_between('products.offer_date', 'periods.business_date') }}, 0) as age_days,
        periods.is_holiday,
        periods.planned_discount_share,
        last_value(reported.unit_price ignore nulls) over (
            partition by products.source_system, products.product_id
            order by periods.business_date
            rows between unbounded preceding and current row
        ) as unit_price,
        coalesce(reported.is_stock_out, false) as is_stock_out,
        case when not periods.is_future then coalesce(reported.line_count, 0) end as reported_lines,
        case when not periods.is_future then coalesce(reported.quantity, 0) end as reported_units,
        case when not periods.is_future then coalesce(ordered.quantity, 0) end as ordered_units,
        greatest(periods.reported_at, products.available_at) as available_at
    from products
    inner join planned_periods as periods
        on products.source_system = periods.source_system
        and products.category = periods.category
        and {{ period_start('products.offer_date', 'periods.period_days') }}
        <= periods.business_date
    left join reported_periods as reported
        on products.source_system = reported.source_system
        and products.product_id = reported.product_id
        and periods.business_date = reported.business_date
    left join ordered_periods as ordered
        on products.source_system = ordered.source_system
        and products.product_id = ordered.product_id
        and periods.business_date = ordered.business_date
)

select * from product_periods
where {{ is_wanted_day('business_date') }}
