{{ config(materialized='view') }}

with stock as (
    select * from {{ ref('int_stock_summed') }}
),

starts as (
    select * from {{ ref('int_product_starts_found') }}
),

units as (
    select * from {{ ref('int_units_summed') }}
),

order_periods as (
    select * from {{ ref('int_order_periods_found') }}
),

stock_periods as (
    select
        source_system,
        min(snapshot_date) as first_date,
        max(snapshot_date) as last_date
    from stock
    group by source_system
),

spine as (
    {{ date_spine(
        '(select min(first_date) from stock_periods)', '(select max(last_date) from stock_periods)'
    ) }}
),

source_days as (
    select
        stock_periods.source_system,
        spine.date_day,
        order_periods.source_system is not null as has_order_data,
        {{ to_utc(
            'cast(spine.date_day + interval 1 day as timestamp)',
            setting_of('stock_periods.source_system', 'time_zone', 'UTC'),
        ) }} - interval 1 microsecond as last_instant_of_day
    from stock_periods
    inner join spine
        on stock_periods.first_date <= spine.date_day
        and stock_periods.last_date >= spine.date_day
    left join order_periods
        on stock_periods.source_system = order_periods.source_system
        and spine.date_day >= order_periods.first_order_date
        and spine.date_day <= order_periods.as_of_date
),

product_days as (
    select
        starts.source_system,
        starts.product_id,
        starts.first_stock_date,
        days.date_day as business_date,
        days.last_instant_of_day,
        stock.closing_quantity is not null as has_snapshot,
        coalesce(stock.warehouse_count, 0) as warehouse_count,
        coalesce(stock.missing_warehouse_count, 0) as missing_warehouse_count,
        stock.opening_quantity,
        stock.received_quantity,
        stock.closing_quantity,
        stock.is_stock_out,
        days.has_order_data,
        case when days.has_order_data then coalesce(units.quantity, 0) end as sold_quantity
    from starts
    inner join source_days as days
        on starts.source_system = days.source_system
        and starts.first_date <= days.date_day
    left join stock
        on starts.source_system = stock.source_system
        and starts.product_id = stock.product_id
        and days.date_day = stock.snapshot_date
    left join units
        on starts.source_system = units.source_system
        and starts.product_id = units.product_id
        and days.date_day = units.order_date
)

select * from product_days
