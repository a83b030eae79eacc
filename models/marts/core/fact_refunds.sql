with refunds as (
    select * from {{ ref('int_refunds_rated') }}
),

parts as (
    select * from {{ ref('int_refunds_allocated') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
),

lines as (
    select * from {{ ref('fact_sales') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

refund_parts as (
    select
        source_system,
        refund_id,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount,
        sum(shipping_amount) as shipping_amount,
        sum(reporting_net_amount) as reporting_net_amount
    from parts
    group by source_system, refund_id
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
            else coalesce(lines.product_key, '-1')
        end as product_key,
        case
            when refunds.line_number is null then '-2'
            else coalesce(lines.product_id, '-1')
        end as product_id,
        {{ date_key('refunds.refund_date') }} as refunded_date_key,
        refunds.payment_id,
        refunds.reason,
        refunds.is_restocked,
        coalesce(orders.is_valid_order, false) as is_valid_order,
        refunds.refunded_at,
        refunds.quantity,
        refunds.currency,
        refunds.amount,
        -- An order without lines has nothing to be taxed or shipped.
        cast(coalesce(parts.net_amount, refunds.amount) as decimal(18, 2)) as net_amount,
        cast(coalesce(parts.tax_amount, 0) as decimal(18, 2)) as tax_amount,
        cast(coalesce(parts.shipping_amount, 0) as decimal(18, 2)) as shipping_amount,
        refunds.reporting_currency,
        refunds.rate,
        case when refunds.rate is not null then refunds.refund_date end as rate_date,
        refunds.rate_source,
        refunds.rate is null as is_rate_missing,
        cast(
            coalesce(
                parts.reporting_net_amount, {{ converted('refunds.amount', 'refunds.rate') }}
            ) as decimal(18, 2)
        ) as reporting_net_amount,
        refunds.known_at
    from refunds
    left join refund_parts as parts
        on refunds.source_system = parts.source_system
        and refunds.refund_id = parts.refund_id
    left join orders
        on refunds.source_system = orders.source_system
        and refunds.order_id = orders.order_id
    left join lines
        on refunds.source_system = lines.source_system
        and refunds.order_id = lines.order_id
        and refunds.line_number = lines.line_number
    left join customers
        on refunds.source_system = customers.source_system
        and refunds.customer_id = customers.customer_id
        and {{ is_valid_at('customers', 'refunds.happened_at') }}
)

select * from keyed_refunds
