with refunds as (
    select * from {{ ref('int_refunds_unioned') }}
),

orders as (
    select * from {{ ref('int_orders_completed') }}
),

refunds_of_orders as (
    select
        refunds.*,
        orders.customer_id,
        coalesce(refunds.currency = orders.currency, false) as is_order_currency,
        coalesce(refunds.refunded_at, orders.placed_at) as happened_at,
        coalesce(
            orders.time_zone, {{ setting_of('refunds.source_system', 'time_zone', 'UTC') }}
        ) as time_zone,
        coalesce(
            orders.reporting_currency,
            {{ setting_of('refunds.source_system', 'reporting_currency', 'XXX') }}
        ) as reporting_currency
    from refunds
    left join orders
        on refunds.source_system = orders.source_system
        and refunds.order_id = orders.order_id
),

dated_refunds as (
    select
        *,
        cast({{ to_local('refunded_at', 'time_zone') }} as date) as refund_date
    from refunds_of_orders
),

rated_refunds as (
    select
        refunds.source_system,
        refunds.refund_id,
        refunds.order_id,
        refunds.line_number,
        refunds.payment_id,
        refunds.reason,
        refunds.is_restocked,
        refunds.quantity,
        refunds.amount,
        refunds.currency,
        refunds.refunded_at,
        refunds.known_at,
        refunds.customer_id,
        refunds.is_order_currency,
        refunds.happened_at,
        refunds.reporting_currency,
        refunds.refund_date,
        {{ effective_rate('refunds.currency', 'refunds.reporting_currency') }} as rate,
        {{ rate_source('refunds.currency', 'refunds.reporting_currency') }} as rate_source
    from dated_refunds as refunds
    {{ join_rates('refunds.currency', 'refunds.reporting_currency', 'refunds.refund_date') }}
)

select * from rated_refunds
