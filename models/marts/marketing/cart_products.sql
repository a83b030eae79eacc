with added_events as (
    select * from {{ ref('fact_events') }}
    where
        visitor_class = 'person'
        and event_type = 'add_to_cart'
        and session_key <> '-2'
        and product_id <> '-2'
),

products as (
    select * from {{ ref('dim_product') }}
),

ranked_events as (
    select
        *,
        row_number() over (
            partition by session_key, product_id order by session_event_number desc
        ) as recency,
        count(*) over (partition by session_key, product_id) as add_count
    from added_events
),

cart_products as (
    select
        added.source_system,
        added.session_key,
        added.product_id,
        added.product_key,
        added.event_date_key as session_date_key,
        added.event_date as session_date,
        added.occurred_at as last_added_at,
        added.add_count,
        products.list_price_currency,
        products.list_price_amount
    from ranked_events as added
    left join products
        on added.product_key = products.product_key
    where added.recency = 1
)

select * from cart_products
