with orders as (
    select * from {{ ref('int_orders_completed') }}
),

money as (
    select * from {{ ref('int_order_money_summed') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
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

orders_with_totals as (
    select
        orders.*,
        coalesce(customers.customer_key, '-1') as customer_key,
        money.refunded_at,
        coalesce(money.has_other_currency, false) as has_other_currency,
        coalesce(line_totals.line_count, 0) as line_count,
        coalesce(line_totals.unit_count, 0) as unit_count,
        coalesce(line_totals.gross_amount, 0) as gross_amount,
        coalesce(line_totals.discount_amount, 0) as discount_amount,
        coalesce(line_totals.net_amount, 0) as net_amount,
        coalesce(line_totals.tax_amount, 0) as tax_amount,
        coalesce(line_totals.shipping_amount, 0) as shipping_amount,
        coalesce(money.captured_amount, 0) as captured_amount,
        coalesce(money.refunded_amount, 0) as refunded_amount
    from orders
    left join customers
        on orders.source_system = customers.source_system
        and orders.customer_id = customers.customer_id
        and {{ is_valid_at('customers', 'orders.placed_at') }}
    left join line_totals
        on orders.source_system = line_totals.source_system
        and orders.order_id = line_totals.order_id
    left join money
        on orders.source_system = money.source_system
        and orders.order_id = money.order_id
),

keyed_orders as (
    select
        source_system,
        order_id,
        customer_key,
        coalesce(customer_id, '-1') as customer_id,
        {{ geography_key() }} as geography_key,
        {{ date_key('order_date') }} as order_date_key,
        {%- for milestone, is_due in [
            ('paid', 'captured_amount > 0'),
            ('shipped', "order_status in ('shipped', 'delivered', 'returned')"),
            ('delivered', "order_status in ('delivered', 'returned')"),
            ('cancelled', "order_status = 'cancelled'"),
            ('refunded', 'refunded_amount > 0'),
            ('promised', 'false'),
        ] %}
        {{ milestone_key(
            milestone ~ '_at', 'time_zone', is_due='is_inferred or ' ~ is_due
        ) }} as {{ milestone }}_date_key,
        {%- endfor %}
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
    from orders_with_totals
)

select * from keyed_orders
