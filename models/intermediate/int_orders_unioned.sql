with shop_states as (
    select * from {{ ref('stg_shop__orders') }}
    where op <> 'D'
),

shop_latest as (
    {{ latest_rows('shop_states', ['order_id']) }}
),

shop_last_changes as (
    {{ latest_rows(ref('stg_shop__orders'), ['order_id']) }}
),

shop_milestones as (
    select * from {{ ref('int_order_milestones_found') }}
    where source_system = 'shop'
),

shop_orders as (
    select
        'shop' as source_system,
        orders.order_id,
        orders.customer_id,
        orders.channel_id,
        orders.device_hash,
        orders.order_status,
        last_changes.op = 'D' as is_deleted,
        orders.placed_at,
        milestones.paid_at,
        milestones.shipped_at,
        milestones.delivered_at,
        orders.cancelled_at,
        orders.promised_at,
        orders.postal_code,
        orders.city,
        orders.state,
        orders.country_code,
        orders.currency,
        orders.stated_total_amount,
        {{ source_setting('shop', 'reporting_currency') }} as reporting_currency,
        {{ source_setting('shop', 'time_zone') }} as time_zone,
        orders.known_at
    from shop_latest as orders
    inner join shop_last_changes as last_changes
        on orders.order_id = last_changes.order_id
    left join shop_milestones as milestones
        on orders.order_id = milestones.order_id
),

olist_latest as (
    {{ latest_rows(ref('stg_olist__orders'), ['order_id'], has_operations=false) }}
),

olist_customers as (
    {{ latest_rows(ref('stg_olist__customers'), ['customer_reference'], has_operations=false) }}
),

olist_orders as (
    select
        'olist' as source_system,
        orders.order_id,
        customers.customer_id,
        cast(null as varchar) as channel_id,
        cast(null as varchar) as device_hash,
        orders.order_status,
        false as is_deleted,
        orders.placed_at,
        orders.paid_at,
        orders.shipped_at,
        orders.delivered_at,
        cast(null as timestamp) as cancelled_at,
        orders.promised_at,
        customers.postal_code,
        customers.city,
        customers.state,
        customers.country_code,
        {{ source_setting('olist', 'reporting_currency') }} as currency,
        cast(null as decimal(18, 2)) as stated_total_amount,
        {{ source_setting('olist', 'reporting_currency') }} as reporting_currency,
        {{ source_setting('olist', 'time_zone') }} as time_zone,
        orders.known_at
    from olist_latest as orders
    left join olist_customers as customers
        on orders.customer_reference = customers.customer_reference
),

orders as (
    select * from shop_orders
    union all
    select * from olist_orders
),

dated_orders as (
    select
        *,
        cast({{ to_local('placed_at', 'time_zone') }} as date) as order_date
    from orders
)

select * from dated_orders
