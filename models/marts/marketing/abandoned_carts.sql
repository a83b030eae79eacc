with sessions as (
    select * from {{ ref('fact_sessions') }}
    where visitor_class = 'person' and add_to_cart_count > 0 and purchase_count = 0
),

events as (
    select * from {{ ref('fact_events') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
    where is_valid_order and customer_id <> '-1'
),

cart_products as (
    select * from {{ ref('cart_products') }}
),

customers as (
    select * from {{ ref('dim_customer_current') }}
),

sources as (
    select
        source_system,
        max(occurred_at) as last_event_at
    from events
    group by source_system
),

-- Whether a cart was left is known a day after its session.
settled_sessions as (
    select sessions.*
    from sessions
    inner join sources
        on sessions.source_system = sources.source_system
        and sessions.ended_at + interval '24 hours' < sources.last_event_at
),

purchases as (
    select
        source_system,
        visitor_key as buyer,
        occurred_at as bought_at
    from events
    where event_type = 'purchase'
    union all
    select
        source_system,
        customer_id as buyer,
        placed_at as bought_at
    from orders
),

possible_buyers as (
    select
        *,
        visitor_key as buyer
    from settled_sessions
    union all
    select
        *,
        customer_id as buyer
    from settled_sessions
    where customer_id <> '-1'
),

bought_sessions as (
    select distinct buyers.session_key
    from possible_buyers as buyers
    inner join purchases
        on buyers.source_system = purchases.source_system
        and buyers.buyer = purchases.buyer
        and buyers.started_at <= purchases.bought_at
        and buyers.ended_at + interval '24 hours' >= purchases.bought_at
),

cart_sums as (
    select
        session_key,
        count(*) as product_count,
        count(*) - count(list_price_amount) as unpriced_product_count,
        case when count(distinct list_price_currency) = 1 then min(list_price_currency) end
            as currency,
        sum(list_price_amount) as list_price_amount
    from cart_products
    group by session_key
),

abandoned as (
    select
        sessions.source_system,
        sessions.session_key,
        sessions.session_date_key,
        sessions.session_date,
        sessions.ended_at,
        sessions.customer_key,
        sessions.customer_id,
        customers.has_marketing_consent and not customers.is_deleted as has_marketing_consent,
        sessions.channel_key,
        sessions.funnel_step,
        coalesce(cart_sums.product_count, 0) as product_count,
        coalesce(cart_sums.unpriced_product_count, 0) as unpriced_product_count,
        coalesce(cart_sums.currency, 'XXX') as currency,
        case
            when cart_sums.unpriced_product_count = 0 and cart_sums.currency is not null
                then cast(cart_sums.list_price_amount as decimal(18, 2))
        end as cart_amount
    from settled_sessions as sessions
    left join bought_sessions
        on sessions.session_key = bought_sessions.session_key
    left join cart_sums
        on sessions.session_key = cart_sums.session_key
    left join customers
        on sessions.source_system = customers.source_system
        and sessions.customer_id = customers.customer_id
    where bought_sessions.session_key is null
)

select * from abandoned
