with payments as (
    select
        payments.*,
        orders.customer_id,
        coalesce(payments.paid_at, orders.placed_at) as happened_at,
        coalesce(
            orders.time_zone, {{ setting_of('payments.source_system', 'time_zone', 'UTC') }}
        ) as time_zone
    from {{ ref('int_payments_unioned') }} as payments
    left join {{ ref('int_orders_completed') }} as orders
        on payments.source_system = orders.source_system
        and payments.order_id = orders.order_id
),

customers as (
    select * from {{ ref('dim_customer') }}
)

select
    payments.source_system,
    payments.payment_id,
    coalesce(payments.order_id, '-1') as order_id,
    coalesce(customers.customer_key, '-1') as customer_key,
    case
        when payments.payment_method_id is null then '-1'
        else {{ surrogate_key(['payments.payment_method_id']) }}
    end as payment_method_key,
    {{ milestone_key('payments.paid_at', 'payments.time_zone') }} as paid_date_key,
    payments.payment_status,
    payments.payment_status in ('captured', 'refunded', 'chargeback') as is_captured,
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
from payments
left join customers
    on payments.source_system = customers.source_system
    and payments.customer_id = customers.customer_id
    and payments.happened_at >= customers.valid_from
    and payments.happened_at < customers.valid_to
