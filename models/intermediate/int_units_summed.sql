{{ config(materialized='view') }}

with lines as (
    select * from {{ ref('int_order_lines_unioned') }}
    where product_id is not null
),

valid_orders as (
    select * from {{ ref('int_orders_totalled') }}
    where is_valid_order
),

unit_days as (
    select
        lines.source_system,
        lines.product_id,
        orders.order_date,
        cast(sum(lines.quantity) as bigint) as quantity
    from lines
    inner join valid_orders as orders
        on lines.source_system = orders.source_system
        and lines.order_id = orders.order_id
    group by lines.source_system, lines.product_id, orders.order_date
)

select * from unit_days
