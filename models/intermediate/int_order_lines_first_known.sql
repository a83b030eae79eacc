with orders as (
    select * from {{ ref('int_orders_first_known') }}
),

shop_states as (
    select * from {{ ref('stg_shop__order_items') }}
),

shop_lines_and_changes as (
    select * from shop_states
    where op <> 'D'
),

shop_first as (
    {{ first_known_rows('shop_lines_and_changes', ['order_id', 'line_number']) }}
),

shop_removals as (
    select
        order_id,
        line_number,
        min(available_at) as removed_available_at
    from shop_states
    where op = 'D'
    group by order_id, line_number
),

olist_first as (
    {{ first_known_rows(
        ref('stg_olist__order_items'), ['order_id', 'line_number'], has_operations=false
    ) }}
),

lines as (
    select
        'shop' as source_system,
        lines.order_id,
        lines.line_number,
        lines.product_id,
        lines.quantity,
        lines.unit_price,
        lines.available_at,
        removals.removed_available_at
    from shop_first as lines
    left join shop_removals as removals
        on lines.order_id = removals.order_id
        and lines.line_number = removals.line_number
    union all
    select
        'olist' as source_system,
        order_id,
        line_number,
        product_id,
        1 as quantity,
        unit_price,
        available_at,
        cast(null as timestamp) as removed_available_at
    from olist_first
),

-- A line is known with its order, and gone with it.
dated_lines as (
    select
        lines.source_system,
        lines.order_id,
        lines.line_number,
        lines.product_id,
        lines.quantity,
        lines.unit_price,
        orders.order_date,
        orders.placed_at,
        orders.currency,
        orders.reporting_currency,
        greatest(coalesce(lines.available_at, orders.available_at), orders.available_at)
            as available_at,
        least(lines.removed_available_at, orders.cancelled_available_at) as ended_available_at
    from lines
    inner join orders
        on lines.source_system = orders.source_system
        and lines.order_id = orders.order_id
    where orders.order_date is not null and lines.product_id is not null
)

select * from dated_lines
