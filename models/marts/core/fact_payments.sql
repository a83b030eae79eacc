with payments as (
    select * from {{ ref('int_payments_unioned') }}
),

orders as (
    select * from {{ ref('int_orders_completed') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

payments_of_orders as (
    select
        payments.*,
        orders.customer_id,
        coalesce(payments.paid_at, orders.placed_at) as happened_at,
        coalesce(
            orders.time_zone, {{ setting_of('payments.source_system', 'time_zone', 'UTC') }}
        ) as time_zone
    from payments
    left join orders
        on payments.source_system = orders.source_system
        and payments.order_id = orders.order_id
),

keyed_payments as (
    select
        payments.source_system,
        payments.payment_id,
        coalesce(payments.order_id, '-1') as order_id,
        coalesce(customers.customer_key, '-1') as customer_key,
        coalesce(payments.customer_id, '-1') as customer_id,
        {{ member_key(['payments.payment_method_id']) }} as payment_method_key,
        {{ milestone_key(
            'payments.paid_at', 'payments.time_zone', is_due="payments.payment_status <> 'pending'"
        ) }} as paid_date_key,
        payments.payment_status,
        payments.is_captured,
        payments.paid_at,
        payments.installments,
        payments.card_token,
        payments.device_hash,
        payments.payer_email_hash,
        payments.issuer_country_code,
        payments.network_country_code,
        payments.gateway_response_code,
        payments.gateway_risk_score,
        payments.currency,
        payments.amount,
        payments.known_at
    from payments_of_orders as payments
    left join customers
        on payments.source_system = customers.source_system
        and payments.customer_id = customers.customer_id
        and {{ is_valid_at('customers', 'payments.happened_at') }}
)

select * from keyed_payments
