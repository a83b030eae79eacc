with orders as (
    select * from {{ ref('int_orders_reconciled') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

orders_of_customers as (
    select
        orders.*,
        coalesce(customers.customer_key, '-1') as customer_key
    from orders
    left join customers
        on orders.source_system = customers.source_system
        and orders.customer_id = customers.customer_id
        and {{ is_valid_at('customers', 'orders.placed_at') }}
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
        case
            when channel_id is null then '-1'
            else {{ surrogate_key(['channel_id']) }}
        end as channel_key,
        channel_id,
        order_status,
        is_valid_order,
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
        line_count,
        unit_count,
        currency,
        gross_amount,
        discount_amount,
        net_amount,
        tax_amount,
        shipping_amount,
        order_total_amount,
        stated_total_amount,
        captured_amount,
        refunded_amount,
        balance_amount,
        reporting_currency,
        known_at
    from orders_of_customers
)

select * from keyed_orders
