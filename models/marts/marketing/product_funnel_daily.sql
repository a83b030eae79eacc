with events as (
    select * from {{ ref('fact_events') }}
    where visitor_class = 'person' and session_key <> '-2'
),

sales as (
    select * from {{ ref('fact_sales') }}
    where is_valid_order
),

browsed_products as (
    select
        source_system,
        event_date_key,
        event_date,
        product_id,
        sum(case when event_type = 'product_view' then 1 else 0 end) as view_count,
        count(distinct case when event_type = 'product_view' then session_key end)
            as view_session_count,
        sum(case when event_type = 'add_to_cart' then 1 else 0 end) as cart_add_count,
        count(distinct case when event_type = 'add_to_cart' then session_key end)
            as cart_session_count
    from events
    where event_type in ('product_view', 'add_to_cart') and product_id <> '-2'
    group by source_system, event_date_key, event_date, product_id
),

-- An order that was told twice was bought once, in the session that told it first.
purchases as (
    select
        source_system,
        order_id,
        session_key,
        event_date_key,
        event_date,
        row_number() over (
            partition by source_system, order_id order by occurred_at, event_id
        ) as telling
    from events
    where event_type = 'purchase' and order_id <> '-2'
),

bought_products as (
    select
        purchases.source_system,
        purchases.event_date_key,
        purchases.event_date,
        sales.product_id,
        count(distinct purchases.session_key) as purchase_session_count,
        count(distinct purchases.order_id) as order_count,
        sum(sales.quantity) as unit_count
    from purchases
    inner join sales
        on purchases.source_system = sales.source_system
        and purchases.order_id = sales.order_id
    where purchases.telling = 1
    group by
        purchases.source_system,
        purchases.event_date_key,
        purchases.event_date,
        sales.product_id
),

product_days as (
    select
        coalesce(browsed.source_system, bought.source_system) as source_system,
        coalesce(browsed.event_date_key, bought.event_date_key) as session_date_key,
        coalesce(browsed.event_date, bought.event_date) as session_date,
        coalesce(browsed.product_id, bought.product_id) as product_id,
        cast(coalesce(browsed.view_count, 0) as bigint) as view_count,
        cast(coalesce(browsed.view_session_count, 0) as bigint) as view_session_count,
        cast(coalesce(browsed.cart_add_count, 0) as bigint) as cart_add_count,
        cast(coalesce(browsed.cart_session_count, 0) as bigint) as cart_session_count,
        cast(coalesce(bought.purchase_session_count, 0) as bigint) as purchase_session_count,
        cast(coalesce(bought.order_count, 0) as bigint) as order_count,
        cast(coalesce(bought.unit_count, 0) as bigint) as unit_count
    from browsed_products as browsed
    full outer join bought_products as bought
        on browsed.source_system = bought.source_system
        and browsed.event_date_key = bought.event_date_key
        and browsed.product_id = bought.product_id
)

select * from product_days
