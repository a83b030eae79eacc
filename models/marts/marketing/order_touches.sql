with orders as (
    select * from {{ ref('fact_orders') }}
    where is_valid_order
),

sources as (
    select distinct source_system from {{ ref('person_sessions') }}
),

sessions as (
    select * from {{ ref('person_sessions') }}
    where identified_by <> 'nothing'
),

channels as (
    select * from {{ ref('dim_channel') }}
),

-- An order without a touch is one of its own channel.
touches as (
    select
        orders.source_system,
        orders.order_id,
        coalesce(sessions.session_key, '-1') as session_key,
        orders.identity_key,
        orders.order_date_key,
        orders.order_date,
        orders.is_first_order,
        orders.reporting_currency,
        orders.placed_at,
        sessions.started_at,
        {{ whole_seconds('orders.placed_at') }} - {{ whole_seconds('sessions.started_at') }}
            as seconds_before_order,
        coalesce(sessions.channel_key, orders.channel_key) as channel_key,
        coalesce(channels.channel_id in ('direct', '-1'), false) as is_direct,
        sessions.campaign_id
    from orders
    inner join sources
        on orders.source_system = sources.source_system
    left join sessions
        on orders.source_system = sessions.source_system
        and orders.identity_key = sessions.person_key
        and orders.placed_at > sessions.started_at
        and orders.placed_at
        <= sessions.started_at + interval '{{ var('attribution_lookback_days') }} days'
    left join channels
        on sessions.channel_key = channels.channel_key
),

numbered_touches as (
    select
        *,
        row_number() over (
            partition by source_system, order_id order by started_at, session_key
        ) as touch_number,
        count(started_at) over (partition by source_system, order_id) as touch_count,
        row_number() over (
            partition by source_system, order_id
            order by case when is_direct then 1 else 0 end, started_at desc, session_key desc
        ) = 1 as is_last_non_direct
    from touches
)

select * from numbered_touches
