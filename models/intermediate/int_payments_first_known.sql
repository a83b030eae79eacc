with shop_states as (
    select
        *,
        payment_status = 'pending' as is_pending
    from {{ ref('stg_shop__payments') }}
    where op <> 'D'
),

shop_settled_first as (
    select
        *,
        row_number() over (
            partition by payment_id
            order by
                is_pending,
                available_at,
                updated_at,
                case op when 'I' then 0 else 1 end,
                _content_hash
        ) as settled_rank
    from shop_states
),

shop_chargebacks as (
    select
        payment_id,
        min(updated_at) as charged_back_at,
        min(available_at) as charged_back_available_at
    from shop_states
    where payment_status = 'chargeback'
    group by payment_id
),

olist_first as (
    {{ first_known_rows(
        ref('stg_olist__order_payments'), ['payment_id'], has_operations=false
    ) }}
),

olist_orders as (
    {{ first_known_rows(ref('stg_olist__orders'), ['order_id'], has_operations=false) }}
),

payments as (
    select
        'shop' as source_system,
        payments.payment_id,
        payments.order_id,
        payments.payment_method_id,
        payments.payment_status,
        payments.is_captured,
        payments.card_token,
        payments.device_hash,
        payments.payer_email_hash,
        payments.issuer_country_code,
        payments.network_country_code,
        payments.gateway_risk_score,
        payments.installments,
        payments.amount,
        payments.currency,
        payments.paid_at,
        payments.available_at,
        chargebacks.charged_back_at,
        chargebacks.charged_back_available_at
    from shop_settled_first as payments
    left join shop_chargebacks as chargebacks
        on payments.payment_id = chargebacks.payment_id
    where payments.settled_rank = 1
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
        payments.installments,
        payments.amount,
        {{ source_setting('olist', 'reporting_currency') }} as currency,
        coalesce(orders.paid_at, orders.placed_at) as paid_at,
        coalesce(payments.available_at, orders.available_at) as available_at,
        cast(null as timestamp) as charged_back_at,
        cast(null as timestamp) as charged_back_available_at
    from olist_first as payments
    left join olist_orders as orders
        on payments.order_id = orders.order_id
),

dated_payments as (
    select
        *,
        cast(
            {{ to_local('paid_at', setting_of('source_system', 'time_zone', 'UTC')) }} as date
        ) as payment_date,
        {{ setting_of('source_system', 'reporting_currency', 'XXX') }} as reporting_currency
    from payments
),

rated_payments as (
    select
        payments.*,
        {{ converted(
            'payments.amount', effective_rate('payments.currency', 'payments.reporting_currency')
        ) }} as reporting_amount
    from dated_payments as payments
    {{ join_rates('payments.currency', 'payments.reporting_currency', 'payments.payment_date') }}
)

select * from rated_payments
