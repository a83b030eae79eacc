with orders as (
    select * from {{ ref('int_orders_completed') }}
),

line_totals as (
    select
        source_system,
        order_id,
        count(*) as line_count,
        sum(quantity) as unit_count,
        cast(sum(gross_amount) as decimal(18, 2)) as gross_amount,
        cast(sum(discount_amount) as decimal(18, 2)) as discount_amount,
        cast(sum(net_amount) as decimal(18, 2)) as net_amount,
        cast(sum(tax_amount) as decimal(18, 2)) as tax_amount,
        cast(sum(shipping_amount) as decimal(18, 2)) as shipping_amount
    from {{ ref('int_order_lines_unioned') }}
    group by source_system, order_id
),

joined as (
    select
        orders.*,
        coalesce(customers.customer_key, '-1') as customer_key,
        settled.refunded_at,
        coalesce(settled.has_other_currency, false) as has_other_currency,
        coalesce(lines.line_count, 0) as line_count,
        coalesce(lines.unit_count, 0) as unit_count,
        coalesce(lines.gross_amount, 0) as gross_amount,
        coalesce(lines.discount_amount, 0) as discount_amount,
        coalesce(lines.net_amount, 0) as net_amount,
        coalesce(lines.tax_amount, 0) as tax_amount,
        coalesce(lines.shipping_amount, 0) as shipping_amount,
        coalesce(settled.captured_amount, 0) as captured_amount,
        coalesce(settled.refunded_amount, 0) as refunded_amount
    from orders
    left join {{ ref('dim_customer') }} as customers
        on orders.source_system = customers.source_system
        and orders.customer_id = customers.customer_id
        and orders.placed_at >= customers.valid_from
        and orders.placed_at < customers.valid_to
    left join line_totals as lines
        on orders.source_system = lines.source_system
        and orders.order_id = lines.order_id
    left join {{ ref('int_order_money_summed') }} as settled
        on orders.source_system = settled.source_system
        and orders.order_id = settled.order_id
)

select
    source_system,
    order_id,
    customer_key,
    {{ geography_key() }} as geography_key,
    {{ date_key('order_date') }} as order_date_key,
    {{ milestone_key('paid_at', 'time_zone') }} as paid_date_key,
    {{ milestone_key('shipped_at', 'time_zone') }} as shipped_date_key,
    {{ milestone_key('delivered_at', 'time_zone') }} as delivered_date_key,
    {{ milestone_key('cancelled_at', 'time_zone') }} as cancelled_date_key,
    {{ milestone_key('refunded_at', 'time_zone') }} as refunded_date_key,
    {{ milestone_key('promised_at', 'time_zone') }} as promised_date_key,
    channel_id,
    order_status,
    order_status not in ('cancelled', 'unavailable', 'unknown')
    and not is_deleted
    and line_count > 0 as is_valid_order,
    is_inferred,
    is_deleted,
    coalesce(paid_at < placed_at, false)
    or coalesce(shipped_at < greatest(placed_at, paid_at), false)
    or coalesce(delivered_at < greatest(placed_at, paid_at, shipped_at), false)
        as has_times_out_of_order,
    has_other_currency,
    order_date,
    placed_at,
    paid_at,
    shipped_at,
    delivered_at,
    cancelled_at,
    refunded_at,
    promised_at,
    cast(line_count as integer) as line_count,
    cast(unit_count as integer) as unit_count,
    currency,
    gross_amount,
    discount_amount,
    net_amount,
    tax_amount,
    shipping_amount,
    cast(net_amount + tax_amount + shipping_amount as decimal(18, 2)) as order_total_amount,
    stated_total_amount,
    captured_amount,
    refunded_amount,
    cast(
        net_amount + tax_amount + shipping_amount
        - captured_amount + refunded_amount as decimal(18, 2)
    ) as balance_amount,
    reporting_currency,
    known_at
from joined
