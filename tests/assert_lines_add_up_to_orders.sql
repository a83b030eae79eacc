-- A row is an order whose amounts differ from the sum of its lines, or a line without its order.
with lines as (
    select
        source_system,
        order_id,
        count(*) as line_count,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount,
        sum(shipping_amount) as shipping_amount
    from {{ ref('fact_sales') }}
    group by source_system, order_id
)

select
    orders.source_system,
    orders.order_id,
    orders.net_amount as order_net_amount,
    lines.net_amount as lines_net_amount
from {{ ref('fact_orders') }} as orders
full outer join lines
    on orders.source_system = lines.source_system
    and orders.order_id = lines.order_id
where
    orders.order_id is null
    or orders.line_count <> coalesce(lines.line_count, 0)
    or orders.gross_amount <> coalesce(lines.gross_amount, 0)
    or orders.discount_amount <> coalesce(lines.discount_amount, 0)
    or orders.net_amount <> coalesce(lines.net_amount, 0)
    or orders.tax_amount <> coalesce(lines.tax_amount, 0)
    or orders.shipping_amount <> coalesce(lines.shipping_amount, 0)
