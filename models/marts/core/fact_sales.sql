with orders as (
    select * from {{ ref('fact_orders') }}
),

lines as (
    select * from {{ ref('int_order_lines_unioned') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

ordered_lines as (
    select
        lines.*,
        orders.customer_key,
        orders.customer_id,
        orders.geography_key,
        orders.order_date_key,
        orders.order_date,
        orders.placed_at,
        coalesce(orders.placed_at, lines.changed_at, {{ last_instant() }}) as happened_at,
        orders.order_status,
        orders.is_valid_order,
        orders.currency,
        orders.reporting_currency,
        {{ effective_rate('orders.currency', 'orders.reporting_currency') }} as rate,
        {{ rate_source('orders.currency', 'orders.reporting_currency') }} as rate_source
    from lines
    inner join orders
        on lines.source_system = orders.source_system
        and lines.order_id = orders.order_id
    {{ join_rates('orders.currency', 'orders.reporting_currency', 'orders.order_date') }}
),

sales as (
    select
        lines.source_system,
        lines.order_id,
        lines.line_number,
        lines.order_date_key,
        lines.customer_key,
        lines.customer_id,
        coalesce(products.product_key, '-1') as product_key,
        coalesce(lines.product_id, '-1') as product_id,
        lines.geography_key,
        case
            when lines.is_own_sale then '-2'
            when lines.seller_id is null then '-1'
            else {{ surrogate_key(['lines.source_system', 'lines.seller_id']) }}
        end as seller_key,
        case
            when lines.promotion_id is null then '-2'
            else {{ surrogate_key(['lines.promotion_id']) }}
        end as promotion_key,
        lines.order_date,
        lines.placed_at,
        lines.order_status,
        lines.is_valid_order,
        lines.quantity,
        lines.unit_price,
        lines.currency,
        lines.gross_amount,
        lines.discount_amount,
        lines.net_amount,
        lines.tax_amount,
        lines.shipping_amount,
        lines.reporting_currency,
        lines.rate,
        case when lines.rate is not null then lines.order_date end as rate_date,
        lines.rate_source,
        lines.rate is null as is_rate_missing,
        {{ converted('lines.net_amount', 'lines.rate') }} as reporting_net_amount,
        lines.known_at
    from ordered_lines as lines
    left join products
        on lines.source_system = products.source_system
        and lines.product_id = products.product_id
        and {{ is_valid_at('products', 'lines.happened_at') }}
)

select * from sales
