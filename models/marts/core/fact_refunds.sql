with refunds as (
    select * from {{ ref('int_refunds_unioned') }}
),

orders as (
    select * from {{ ref('int_orders_completed') }}
),

order_totals as (
    select * from {{ ref('fact_orders') }}
),

lines as (
    select * from {{ ref('fact_sales') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

refunds_of_orders as (
    select
        refunds.*,
        orders.customer_id,
        coalesce(
            orders.time_zone, {{ setting_of('refunds.source_system', 'time_zone', 'UTC') }}
        ) as time_zone,
        coalesce(refunds.refunded_at, orders.placed_at) as happened_at,
        coalesce(
            orders.reporting_currency,
            {{ setting_of('refunds.source_system', 'reporting_currency', 'XXX') }}
        ) as reporting_currency,
        lines.product_key,
        lines.product_id,
        coalesce(order_totals.is_valid_order, false) as is_valid_order,
        coalesce(
            case
                when lines.line_number is not null
                    then lines.net_amount / nullif(lines.net_amount + lines.tax_amount, 0)
            end,
            order_totals.net_amount / nullif(order_totals.order_total_amount, 0),
            1
        ) as net_share
    from refunds
    left join orders
        on refunds.source_system = orders.source_system
        and refunds.order_id = orders.order_id
    left join order_totals
        on refunds.source_system = order_totals.source_system
        and refunds.order_id = order_totals.order_id
    left join lines
        on refunds.source_system = lines.source_system
        and refunds.order_id = lines.order_id
        and refunds.line_number = lines.line_number
),

dated_refunds as (
    select
        *,
        cast({{ to_local('refunded_at', 'time_zone') }} as date) as refund_date,
        cast(round(amount * least(greatest(net_share, 0), 1), 2) as decimal(18, 2)) as net_amount
    from refunds_of_orders
),

rated_refunds as (
    select
        refunds.*,
        {{ effective_rate('refunds.currency', 'refunds.reporting_currency') }} as rate,
        {{ rate_source('refunds.currency', 'refunds.reporting_currency') }} as rate_source
    from dated_refunds as refunds
    {{ join_rates('refunds.currency', 'refunds.reporting_currency', 'refunds.refund_date') }}
),

keyed_refunds as (
    select
        refunds.source_system,
        refunds.refund_id,
        coalesce(refunds.order_id, '-1') as order_id,
        coalesce(refunds.line_number, -2) as line_number,
        coalesce(customers.customer_key, '-1') as customer_key,
        coalesce(refunds.customer_id, '-1') as customer_id,
        case
            when refunds.line_number is null then '-2'
            else coalesce(refunds.product_key, '-1')
        end as product_key,
        case
            when refunds.line_number is null then '-2'
            else coalesce(refunds.product_id, '-1')
        end as product_id,
        {{ date_key('refunds.refund_date') }} as refunded_date_key,
        refunds.payment_id,
        refunds.reason,
        refunds.is_restocked,
        refunds.is_valid_order,
        refunds.refunded_at,
        refunds.quantity,
        refunds.currency,
        refunds.amount,
        refunds.net_amount,
        refunds.reporting_currency,
        refunds.rate,
        case when refunds.rate is not null then refunds.refund_date end as rate_date,
        refunds.rate_source,
        refunds.rate is null as is_rate_missing,
        {{ converted('refunds.net_amount', 'refunds.rate') }} as reporting_net_amount,
        refunds.known_at
    from rated_refunds as refunds
    left join customers
        on refunds.source_system = customers.source_system
        and refunds.customer_id = customers.customer_id
        and {{ is_valid_at('customers', 'refunds.happened_at') }}
)

select * from keyed_refunds
