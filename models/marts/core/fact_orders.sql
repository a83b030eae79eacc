with orders as (
    select * from {{ ref('int_orders_reconciled') }}
),

times as (
    select * from {{ ref('int_orders_timed') }}
),

identities as (
    select * from {{ ref('int_orders_identified') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

orders_of_customers as (
    select
        orders.*,
        coalesce(customers.customer_key, '-1') as customer_key,
        coalesce(identities.identity_key, '-1') as identity_key,
        cast(identities.identity_order_number as integer) as identity_order_number,
        times.has_times_out_of_order,
        times.handling_days,
        times.transit_days,
        times.delivery_days,
        times.days_late,
        times.is_delivered_late,
        times.is_overdue
    from orders
    left join times
        on orders.source_system = times.source_system
        and orders.order_id = times.order_id
    left join identities
        on orders.source_system = identities.source_system
        and orders.order_id = identities.order_id
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
        identity_key,
        identity_order_number,
        identity_order_number = 1 as is_first_order,
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
        {{ member_key(['channel_id']) }} as channel_key,
        channel_id,
        order_status,
        is_valid_order,
        is_inferred,
        is_deleted,
        has_times_out_of_order,
        has_other_currency,
        order_date,
        placed_at,
        paid_at,
        shipped_at,
        delivered_at,
        cancelled_at,
        refunded_at,
        promised_at,
        handling_days,
        transit_days,
        delivery_days,
        days_late,
        is_delivered_late,
        is_overdue,
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
