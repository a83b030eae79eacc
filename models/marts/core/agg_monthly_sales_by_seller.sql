with lines as (
    select * from {{ ref('fact_sales') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
),

reviews as (
    select * from {{ ref('int_order_reviews_summed') }}
),

orders_of_sellers as (
    select
        lines.source_system,
        lines.order_id,
        lines.seller_key,
        count(*) as line_count,
        sum(lines.quantity) as unit_count,
        sum(lines.gross_amount) as gross_amount,
        sum(lines.discount_amount) as discount_amount,
        sum(lines.net_amount) as net_amount,
        sum(lines.tax_amount) as tax_amount,
        sum(lines.shipping_amount) as shipping_amount
    from lines
    group by lines.source_system, lines.order_id, lines.seller_key
),

counted_parts as (
    select
        parts.*,
        cast(date_trunc('month', orders.order_date) as date) as month_start_date,
        orders.customer_key,
        orders.customer_id,
        orders.currency,
        orders.is_valid_order,
        orders.delivery_days,
        orders.days_late,
        orders.is_delivered_late,
        reviews.review_count,
        reviews.review_score_sum
    from orders_of_sellers as parts
    inner join orders
        on parts.source_system = orders.source_system
        and parts.order_id = orders.order_id
    left join reviews
        on parts.source_system = reviews.source_system
        and parts.order_id = reviews.order_id
    where {{ is_counted_order('orders') }}
),

months as (
    select
        source_system,
        {{ date_key('month_start_date') }} as month_date_key,
        month_start_date,
        seller_key,
        currency,
        {{ order_measures() }}
    from counted_parts
    group by
        source_system,
        month_start_date,
        seller_key,
        currency
)

select * from months
