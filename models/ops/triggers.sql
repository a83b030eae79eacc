with ticks as (
    select * from {{ source('runs', 'ticks') }}
),

latest_tick as (
    select max(ticked_at) as latest_at
    from ticks
),

recent_ticks as (
    select
        ticks.trigger_name,
        ticks.ticked_at,
        ticks.tick_id,

        ticks.trigger_type,
        ticks.tick_status,
        ticks.ended_at,
        ticks.seconds,

        nullif(ticks.run_ids, '') as run_ids,
        case
            when ticks.run_ids = '' then 0
            else length(ticks.run_ids) - length(replace(ticks.run_ids, ',', '')) + 1
        end as run_count,
        ticks.reason
    from ticks
    cross join latest_tick
    where
        ticks.tick_status <> 'skipped'
        or ticks.ticked_at > latest_tick.latest_at - interval {{ var('skipped_ticks_days') }} day
)

select * from recent_ticks
