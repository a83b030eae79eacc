with lines as (
    select * from {{ ref('fact_sales') }}
    where is_valid_order and customer_id <> '-1'
),

orders as (
    select * from {{ ref('fact_orders') }}
    where is_valid_order and customer_id <> '-1'
),

products as (
    select * from {{ ref('dim_product') }}
),

channels as (
    select * from {{ ref('dim_channel') }}
),

payments as (
    select * from {{ ref('payment_reconciliation') }}
    where is_valid_order and payment_method_key <> '-2'
),

methods as (
    select * from {{ ref('dim_payment_method') }}
),

choices as (
    select
        lines.source_system,
        lines.customer_id,
        'category' as kind,
        products.category as choice,
        sum(lines.quantity) as weight
    from lines
    inner join products
        on lines.product_key = products.product_key
    group by lines.source_system, lines.customer_id, products.category
    union all
    select
        orders.source_system,
        orders.customer_id,
        'channel' as kind,
        channels.channel_name as choice,
        count(*) as weight
    from orders
    inner join channels
        on orders.channel_key = channels.channel_key
    group by orders.source_system, orders.customer_id, channels.channel_name
    union all
    select
        orders.source_system,
        orders.customer_id,
        'payment_method' as kind,
        methods.payment_method_name as choice,
        count(*) as weight
    from payments
    inner join orders
        on payments.source_system = orders.source_system
        and payments.order_id = orders.order_id
    inner join methods
        on payments.payment_method_key = methods.payment_method_key
    group by orders.source_system, orders.customer_id, methods.payment_method_name
),

-- Ties go to the first by name.
ranked_choices as (
    select
        *,
        row_number() over (
            partition by source_system, customer_id, kind order by weight desc, choice asc
        ) as choice_rank
    from choices
    where choice <> 'Unknown'
),

favourites as (
    select
        source_system,
        customer_id,
        max(case when kind = 'category' then choice end) as favourite_category,
        max(case when kind = 'channel' then choice end) as favourite_channel,
        max(case when kind = 'payment_method' then choice end) as favourite_payment_method
    from ranked_choices
    where choice_rank = 1
    group by source_system, customer_id
)

select * from favourites
