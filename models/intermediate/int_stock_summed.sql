{{ config(materialized='view') }}

with stock as (
    select * from {{ ref('int_stock_unioned') }}
),

warehouses as (
    select
        source_system,
        product_id,
        warehouse_id,
        min(snapshot_date) as first_date,
        max(snapshot_date) as last_date,
        max_by(closing_quantity, snapshot_date) as last_closing_quantity
    from stock
    group by source_system, product_id, warehouse_id
),

delivered_days as (
    select
        source_system,
        product_id,
        snapshot_date,
        count(*) as warehouse_count,
        count(opening_quantity) as opening_count,
        count(received_quantity) as received_count,
        cast(sum(opening_quantity) as bigint) as opening_quantity,
        cast(sum(received_quantity) as bigint) as received_quantity,
        cast(sum(closing_quantity) as bigint) as closing_quantity
    from stock
    group by source_system, product_id, snapshot_date
),

-- Stock does not vanish: a warehouse is expected until it says that it has none.
expected_days as (
    select
        days.source_system,
        days.product_id,
        days.snapshot_date,
        count(*) as expected_count
    from delivered_days as days
    inner join warehouses
        on days.source_system = warehouses.source_system
        and days.product_id = warehouses.product_id
        and days.snapshot_date >= warehouses.first_date
    where
        days.snapshot_date <= warehouses.last_date
        or warehouses.last_closing_quantity > 0
    group by days.source_system, days.product_id, days.snapshot_date
),

-- What one warehouse does not tell is unknown of all.
stock_days as (
    select
        days.source_system,
        days.product_id,
        days.snapshot_date,
        days.warehouse_count,
        expected.expected_count - days.warehouse_count as missing_warehouse_count,
        case when days.opening_count = expected.expected_count then days.opening_quantity end
            as opening_quantity,
        case when days.received_count = expected.expected_count then days.received_quantity end
            as received_quantity,
        case when days.warehouse_count = expected.expected_count then days.closing_quantity end
            as closing_quantity
    from delivered_days as days
    inner join expected_days as expected
        on days.source_system = expected.source_system
        and days.product_id = expected.product_id
        and days.snapshot_date = expected.snapshot_date
),

judged_days as (
    select
        *,
        opening_quantity = 0 and received_quantity = 0 and closing_quantity = 0 as is_stock_out
    from stock_days
)

select * from judged_days
