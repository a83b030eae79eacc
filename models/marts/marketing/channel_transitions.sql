with sessions as (
    select * from {{ ref('person_sessions') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
    where is_valid_order and identity_key <> '-1'
),

moments as (
    select
        source_system,
        person_key,
        started_at as happened_at,
        1 as is_session,
        session_key as moment_id,
        channel_key,
        cast(null as timestamp) as ordered_at
    from sessions
    union all
    select
        source_system,
        identity_key as person_key,
        placed_at as happened_at,
        0 as is_session,
        order_id as moment_id,
        null as channel_key,
        placed_at as ordered_at
    from orders
),

ordered_moments as (
    select
        *,
        min(ordered_at) over (
            partition by source_system, person_key
            order by happened_at, is_session, moment_id
            rows between 1 following and unbounded following
        ) as next_order_at,
        count(ordered_at) over (
            partition by source_system, person_key
            order by happened_at, is_session, moment_id
            rows between unbounded preceding and current row
        ) as journey_number
    from moments
),

visits as (
    select
        *,
        coalesce(
            next_order_at <= happened_at + interval '{{ var('attribution_lookback_days') }} days',
            false
        ) as is_converting
    from ordered_moments
    where is_session = 1
),

linked_visits as (
    select
        source_system,
        channel_key,
        is_converting,
        lag(channel_key) over journey as previous_channel_key,
        lead(channel_key) over journey as next_channel_key
    from visits
    window journey as (
        partition by source_system, person_key, journey_number, is_converting
        order by happened_at, moment_id
    )
),

moves as (
    select
        source_system,
        'start' as from_state,
        channel_key as to_state
    from linked_visits
    where previous_channel_key is null
    union all
    select
        source_system,
        channel_key as from_state,
        coalesce(next_channel_key, case when is_converting then 'conversion' else 'none' end)
            as to_state
    from linked_visits
),

transitions as (
    select
        source_system,
        from_state,
        to_state,
        count(*) as transition_count
    from moves
    group by source_system, from_state, to_state
)

select * from transitions
