{{ config(materialized='view') }}

with stock as (
    select * from {{ ref('int_stock_unioned') }}
),

-- Without the opening stock of one warehouse the opening stock of all is unknown.
stock_days as (
    select
        source_system,
        product_id,
        snapshot_date,
        count(*) as warehouse_count,
        cast(
            case when count(opening_quantity) = count(*) then sum(opening_quantity) end as bigint
        ) as opening_quantity,
        cast(sum(received_quantity) as bigint) as received_quantity,
        cast(sum(closing_quantity) as bigint) as closing_quantity
    from stock
    group by source_system, product_id, snapshot_date
),

judged_days as (
    select
        *,
        opening_quantity = 0 and received_quantity = 0 and closing_quantity = 0 as is_stock_out
    from stock_days
)

select * from judged_days
