with shop_latest as (
    {{ latest_rows(ref('stg_shop__payments'), ['payment_id']) }}
),

olist_latest as (
    {{ latest_rows(ref('stg_olist__order_payments'), ['payment_id'], has_operations=false) }}
),

payments as (
    select
        'shop' as source_system,
        payment_id,
        order_id,
        payment_method_id,
        payment_status,
        is_captured,
        card_token,
        device_hash,
        payer_email_hash,
        issuer_country_code,
        network_country_code,
        gateway_risk_score,
        gateway_response_code,
        installments,
        amount,
        currency,
        paid_at,
        known_at
    from shop_latest
    where op <> 'D'
    union all
    select
        'olist' as source_system,
        payments.payment_id,
        payments.order_id,
        payments.payment_method_id,
        'captured' as payment_status,
        true as is_captured,
        cast(null as varchar) as card_token,
        cast(null as varchar) as device_hash,
        cast(null as varchar) as payer_email_hash,
        cast(null as varchar) as issuer_country_code,
        cast(null as varchar) as network_country_code,
        cast(null as double) as gateway_risk_score,
        cast(null as varchar) as gateway_response_code,
        payments.installments,
        payments.amount,
        {{ source_setting('olist', 'reporting_currency') }} as currency,
        coalesce(orders.paid_at, orders.placed_at) as paid_at,
        coalesce(payments.known_at, orders.known_at) as known_at
    from olist_latest as payments
    left join {{ ref('int_orders_unioned') }} as orders
        on payments.order_id = orders.order_id
        and orders.source_system = 'olist'
)

select * from payments
