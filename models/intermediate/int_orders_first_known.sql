with shop_states as (
    select * from {{ ref('stg_shop__orders') }}
),

shop_orders_and_changes as (
    select * from shop_states
    where op <> 'D'
),

shop_first as (
    {{ first_known_rows('shop_orders_and_changes', ['order_id']) }}
),

shop_cancellations as (
    select
        order_id,
        min(available_at) as cancelled_available_at
    from shop_states
    where order_status = 'cancelled' or op = 'D'
    group by order_id
),

olist_first as (
    {{ first_known_rows(ref('stg_olist__orders'), ['order_id'], has_operations=false) }}
),

olist_customers as (
    {{ latest_rows(ref('stg_olist__customers'), ['customer_reference'], has_operations=false) }}
),

orders as (
    select
        'shop' as source_system,
        orders.order_id,
        orders.customer_id,
        orders.device_hash,
        orders.placed_at,
        orders.country_code,
        orders.currency,
        {{ source_setting('shop', 'reporting_currency') }} as reporting_currency,
        {{ source_setting('shop', 'time_zone') }} as time_zone,
        orders.available_at,
        cancellations.cancelled_available_at
    from shop_first as orders
    left join shop_cancellations as cancellations
        on orders.order_id = cancellations.order_id
    union all
    select
        'olist' as source_system,
        orders.order_id,
        customers.customer_id,
        cast(null as varchar) as device_hash,
        orders.placed_at,
        customers.country_code,
        {{ source_setting('olist', 'reporting_currency') }} as currency,
        {{ source_setting('olist', 'reporting_currency') }} as reporting_currency,
        {{ source_setting('olist', 'time_zone') }} as time_zone,
        orders.available_at,
        cast(null as timestamp) as cancelled_available_at
    from olist_first as orders
    left join olist_customers as customers
        on orders.customer_reference = customers.customer_reference
),

dated_orders as (
    select
        *,
        cast({{ to_local('placed_at', 'time_zone') }} as date) as order_date
    from orders
)

select * from dated_orders
