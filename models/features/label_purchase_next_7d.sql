{{ config(**daily_feature('snapshot_date')) }}

{% set label_days = 7 %}

with features as (
    select
        source_system,
        customer_id,
        snapshot_date,
        available_at
    from {{ ref('customer_features_daily') }}
    where {{ is_wanted_day('snapshot_date') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
    where is_valid_order and customer_id <> '-1'
),

-- The last order date may still go on.
sources as (
    select
        source_system,
        max(order_date) as last_order_date
    from orders
    group by source_system
),

order_days as (
    select
        source_system,
        customer_id,
        order_date,
        count(*) as order_count
    from orders
    group by source_system, customer_id, order_date
),

next_orders as (
    select
        features.source_system,
        features.customer_id,
        features.snapshot_date,
        sum(order_days.order_count) as order_count
    from features
    inner join order_days
        on features.source_system = order_days.source_system
        and features.customer_id = order_days.customer_id
        and features.snapshot_date < order_days.order_date
        and features.snapshot_date + interval {{ label_days }} day >= order_days.order_date
    group by features.source_system, features.customer_id, features.snapshot_date
),

labels as (
    select
        features.source_system,
        features.customer_id,
        features.snapshot_date,
        coalesce(
            features.snapshot_date + interval {{ label_days }} day < sources.last_order_date, false
        ) as is_mature,
        next_orders.order_count,
        features.available_at
    from features
    left join sources
        on features.source_system = sources.source_system
    left join next_orders
        on features.source_system = next_orders.source_system
        and features.customer_id = next_orders.customer_id
        and features.snapshot_date = next_orders.snapshot_date
),

known_labels as (
    select
        source_system,
        customer_id,
        snapshot_date,
        is_mature,
        case when is_mature then order_count is not null end as has_purchase_next_7d,
        case when is_mature then cast(coalesce(order_count, 0) as integer) end
            as order_count_next_7d,
        available_at
    from labels
)

select * from known_labels
