-- A row is a day, source and currency whose aggregate differs from the valid orders of that day.
with orders as (
    select
        source_system,
        order_date_key,
        currency,
        count(*) as order_count,
        sum(line_count) as line_count,
        sum(unit_count) as unit_count,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount,
        sum(shipping_amount) as shipping_amount
    from {{ ref('fact_orders') }}
    where is_valid_order
    group by source_system, order_date_key, currency
)

select
    coalesce(days.source_system, orders.source_system) as source_system,
    coalesce(days.order_date_key, orders.order_date_key) as order_date_key,
    coalesce(days.currency, orders.currency) as currency,
    days.net_amount as day_net_amount,
    orders.net_amount as orders_net_amount
from {{ ref('agg_daily_sales') }} as days
full outer join orders
    on days.source_system = orders.source_system
    and days.order_date_key = orders.order_date_key
    and days.currency = orders.currency
where
    days.order_count is distinct from orders.order_count
    or days.line_count is distinct from orders.line_count
    or days.unit_count is distinct from orders.unit_count
    or days.gross_amount is distinct from orders.gross_amount
    or days.discount_amount is distinct from orders.discount_amount
    or days.net_amount is distinct from orders.net_amount
    or days.tax_amount is distinct from orders.tax_amount
    or days.shipping_amount is distinct from orders.shipping_amount
