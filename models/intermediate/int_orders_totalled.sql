with orders as (
    select * from {{ ref('int_orders_completed') }}
),

line_totals as (
    select
        source_system,
        order_id,
        count(*) as line_count,
        sum(quantity) as unit_count,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount,
        sum(shipping_amount) as shipping_amount
    from {{ ref('int_order_lines_unioned') }}
    group by source_system, order_id
),

orders_with_totals as (
    select
        orders.source_system,
        orders.order_id,
        orders.customer_id,
        orders.channel_id,
        orders.device_hash,
        orders.order_status,
        orders.is_deleted,
        orders.is_inferred,
        orders.order_date,
        orders.placed_at,
        orders.paid_at,
        orders.shipped_at,
        orders.delivered_at,
        orders.cancelled_at,
        orders.promised_at,
        orders.postal_code,
        orders.city,
        orders.state,
        orders.country_code,
        orders.currency,
        orders.stated_total_amount,
        orders.reporting_currency,
        orders.time_zone,
        orders.known_at,
        orders.order_status not in ('cancelled', 'unavailable', 'unknown')
        and not orders.is_deleted
        and line_totals.order_id is not null as is_valid_order,
        cast(coalesce(line_totals.line_count, 0) as integer) as line_count,
        cast(coalesce(line_totals.unit_count, 0) as integer) as unit_count,
        cast(coalesce(line_totals.gross_amount, 0) as decimal(18, 2)) as gross_amount,
        cast(coalesce(line_totals.discount_amount, 0) as decimal(18, 2)) as discount_amount,
        cast(coalesce(line_totals.net_amount, 0) as decimal(18, 2)) as net_amount,
        cast(coalesce(line_totals.tax_amount, 0) as decimal(18, 2)) as tax_amount,
        cast(coalesce(line_totals.shipping_amount, 0) as decimal(18, 2)) as shipping_amount
    from orders
    left join line_totals
        on orders.source_system = line_totals.source_system
        and orders.order_id = line_totals.order_id
)

select * from orders_with_totals
