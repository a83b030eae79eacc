with orders as (
    select * from {{ ref('fact_orders') }}
),

lines as (
    select * from {{ ref('int_order_lines_unioned') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

priced_lines as (
    select
        lines.*,
        orders.customer_key,
        orders.geography_key,
        orders.order_date_key,
        orders.order_date,
        orders.placed_at,
        coalesce(orders.placed_at, lines.changed_at, {{ end_of_time() }}) as happened_at,
        orders.order_status,
        orders.is_valid_order,
        orders.currency,
        orders.reporting_currency,
        {{ effective_rate(
            'orders.currency', 'orders.reporting_currency', 'rates.rate'
        ) }} as effective_rate,
        orders.order_date as rate_date,
        case
            when orders.currency = 'XXX' then null
            when orders.currency = orders.reporting_currency then 'identity'
            else rates.source
        end as rate_source
    from lines
    inner join orders
        on lines.source_system = orders.source_system
        and lines.order_id = orders.order_id
    left join {{ ref('fx_rates') }} as rates
        on orders.currency = rates.from_currency
        and orders.reporting_currency = rates.to_currency
        and orders.order_date = rates.rate_date
)

select
    lines.source_system,
    lines.order_id,
    lines.line_number,
    lines.order_date_key,
    lines.customer_key,
    coalesce(products.product_key, '-1') as product_key,
    lines.geography_key,
    case
        when lines.source_system = 'shop' then '-2'
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
    lines.effective_rate as rate,
    lines.rate_date,
    lines.rate_source,
    lines.effective_rate is null as is_rate_missing,
    cast(
        round(lines.net_amount * lines.effective_rate, 2) as decimal(18, 2)
    ) as reporting_net_amount,
    lines.known_at
from priced_lines as lines
left join products
    on lines.source_system = products.source_system
    and lines.product_id = products.product_id
    and lines.happened_at >= products.valid_from
    and lines.happened_at < products.valid_to
