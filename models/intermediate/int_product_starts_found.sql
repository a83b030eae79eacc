{{ config(materialized='view') }}

with versions as (
    select * from {{ ref('int_product_versions') }}
    where is_current
),

stock as (
    select * from {{ ref('int_stock_summed') }}
),

units as (
    select * from {{ ref('int_units_summed') }}
),

dates as (
    select
        source_system,
        product_id,
        cast({{ to_local(
            'launched_at', setting_of('source_system', 'time_zone', 'UTC')
        ) }} as date) as launch_date,
        cast(null as date) as stock_date,
        cast(null as date) as sale_date
    from versions
    union all
    select
        source_system,
        product_id,
        null as launch_date,
        snapshot_date as stock_date,
        null as sale_date
    from stock
    union all
    select
        source_system,
        product_id,
        null as launch_date,
        null as stock_date,
        order_date as sale_date
    from units
),

starts as (
    select
        source_system,
        product_id,
        min(launch_date) as launch_date,
        min(stock_date) as first_stock_date,
        min(sale_date) as first_sale_date
    from dates
    group by source_system, product_id
),

-- Without an earlier launch or stock nobody knows when the product came on offer: the week of its
-- first sale then counts whole.
offers as (
    select
        *,
        least(launch_date, first_stock_date, first_sale_date) as first_date,
        case
            when least(launch_date, first_stock_date) <= first_sale_date
                then least(launch_date, first_stock_date)
            else coalesce(
                cast(date_trunc('week', first_sale_date) as date),
                least(launch_date, first_stock_date)
            )
        end as offer_date
    from starts
)

select * from offers
