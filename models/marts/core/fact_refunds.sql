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

rates as (
    select * from {{ ref('fx_rates') }}
),

described as (
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
        coalesce(order_totals.is_valid_order, false) as is_valid_order,
        coalesce(
            case
                when lines.line_number is not null
                    then lines.net_amount / nullif(lines.net_amount + lines.tax_amount, 0)
            end,
            order_totals.net_amount / nullif(order_totals.order_total_amount, 0)
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

valued as (
    select
        described.*,
        cast(
            round(described.amount * coalesce(described.net_share, 1), 2) as decimal(18, 2)
        ) as net_amount,
        {{ effective_rate(
            'described.currency', 'described.reporting_currency', 'rates.rate'
        ) }} as rate
    from described
    left join rates
        on described.currency = rates.from_currency
        and described.reporting_currency = rates.to_currency
        and cast(
            {{ to_local('described.refunded_at', 'described.time_zone') }} as date
        ) = rates.rate_date
)

select
    valued.source_system,
    valued.refund_id,
    coalesce(valued.order_id, '-1') as order_id,
    coalesce(valued.line_number, -2) as line_number,
    coalesce(customers.customer_key, '-1') as customer_key,
    case
        when valued.line_number is null then '-2'
        else coalesce(valued.product_key, '-1')
    end as product_key,
    {{ milestone_key('valued.refunded_at', 'valued.time_zone') }} as refunded_date_key,
    valued.payment_id,
    valued.reason,
    valued.is_restocked,
    valued.is_valid_order,
    valued.refunded_at,
    valued.quantity,
    valued.currency,
    valued.amount,
    valued.net_amount,
    valued.reporting_currency,
    valued.rate,
    valued.rate is null as is_rate_missing,
    cast(round(valued.net_amount * valued.rate, 2) as decimal(18, 2)) as reporting_net_amount,
    valued.known_at
from valued
left join {{ ref('dim_customer') }} as customers
    on valued.source_system = customers.source_system
    and valued.customer_id = customers.customer_id
    and valued.happened_at >= customers.valid_from
    and valued.happened_at < customers.valid_to
