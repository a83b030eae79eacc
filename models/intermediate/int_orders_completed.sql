-- The currency of lines and parcels is not that of their order.
with mentions as (
    {% for mention, currency in [
        (ref('int_order_lines_unioned'), 'cast(null as varchar)'),
        (ref('int_payments_unioned'), 'currency'),
        (ref('int_refunds_unioned'), 'currency'),
        (ref('int_shipments_unioned'), 'cast(null as varchar)'),
    ] -%}
    select
        source_system,
        order_id,
        {{ currency }} as currency,
        known_at
    from {{ mention }}
    {{ "union all" if not loop.last }}
    {% endfor -%}
),

known_orders as (
    select
        source_system,
        order_id,
        customer_id,
        channel_id,
        device_hash,
        order_status,
        is_deleted,
        false as is_inferred,
        order_date,
        placed_at,
        paid_at,
        shipped_at,
        delivered_at,
        cancelled_at,
        promised_at,
        postal_code,
        city,
        state,
        country_code,
        currency,
        stated_total_amount,
        reporting_currency,
        time_zone,
        known_at
    from {{ ref('int_orders_unioned') }}
),

inferred_orders as (
    select
        mentions.source_system,
        mentions.order_id,
        null as customer_id,
        null as channel_id,
        null as device_hash,
        'unknown' as order_status,
        false as is_deleted,
        true as is_inferred,
        null as order_date,
        null as placed_at,
        null as paid_at,
        null as shipped_at,
        null as delivered_at,
        null as cancelled_at,
        null as promised_at,
        null as postal_code,
        null as city,
        null as state,
        null as country_code,
        case
            when min(mentions.currency) = max(mentions.currency) then min(mentions.currency)
            else 'XXX'
        end as currency,
        null as stated_total_amount,
        {{ setting_of('mentions.source_system', 'reporting_currency', 'XXX') }}
            as reporting_currency,
        {{ setting_of('mentions.source_system', 'time_zone', 'UTC') }} as time_zone,
        min(mentions.known_at) as known_at
    from mentions
    left join known_orders
        on mentions.source_system = known_orders.source_system
        and mentions.order_id = known_orders.order_id
    where known_orders.order_id is null and mentions.order_id is not null
    group by mentions.source_system, mentions.order_id
),

orders as (
    select * from known_orders
    union all
    select * from inferred_orders
)

select * from orders
