{{ config(tags=['stream'], **daily_feature('session_date')) }}

with sessions as (
    select * from {{ ref('fact_sessions') }}
    where visitor_class = 'person' and {{ is_wanted_day('session_date') }}
),

steps as (
    select distinct
        funnel_step,
        step_name
    from {{ ref('event_types') }}
),

furthest_steps as (
    select
        source_system,
        session_date_key,
        session_date,
        device_kind,
        channel_key,
        funnel_step,
        count(*) as session_count
    from sessions
    group by
        source_system, session_date_key, session_date, device_kind, channel_key, funnel_step
),

reached_steps as (
    select
        furthest.source_system,
        furthest.session_date_key,
        furthest.session_date,
        furthest.device_kind,
        furthest.channel_key,
        steps.funnel_step,
        steps.step_name,
        cast(sum(
            case
                when furthest.funnel_step >= steps.funnel_step then furthest.session_count
                else 0
            end
        ) as bigint) as session_count,
        cast(sum(
            case
                when furthest.funnel_step >= steps.funnel_step - 1 then furthest.session_count
                else 0
            end
        ) as bigint) as previous_session_count,
        cast(sum(
            case
                when furthest.funnel_step = steps.funnel_step then furthest.session_count
                else 0
            end
        ) as bigint) as last_session_count
    from furthest_steps as furthest
    cross join steps
    group by
        furthest.source_system,
        furthest.session_date_key,
        furthest.session_date,
        furthest.device_kind,
        furthest.channel_key,
        steps.funnel_step,
        steps.step_name
),

funnel as (
    select
        source_system,
        session_date_key,
        session_date,
        device_kind,
        channel_key,
        funnel_step,
        step_name,
        session_count,
        previous_session_count,
        previous_session_count - session_count as drop_off_count,
        last_session_count
    from reached_steps
)

select * from funnel
