{% set longest_path = 8 %}

with events as (
    select * from {{ ref('fact_events') }}
    where visitor_class = 'person' and session_key <> '-2'
),

sessions as (
    select * from {{ ref('fact_sessions') }}
    where visitor_class = 'person'
),

followed_events as (
    select
        session_key,
        session_event_number,
        event_type,
        lag(event_type) over (
            partition by session_key order by session_event_number
        ) as previous_event_type
    from events
),

steps as (
    select
        session_key,
        event_type,
        row_number() over (
            partition by session_key order by session_event_number
        ) as step_number
    from followed_events
    where previous_event_type is null or event_type <> previous_event_type
),

paths as (
    select
        session_key,
        concat_ws(
            ' > ',
            {%- for number in range(1, longest_path + 1) %}
            max(case when step_number = {{ number }} then event_type end),
            {%- endfor %}
            max(case when step_number = {{ longest_path + 1 }} then '...' end)
        ) as event_path
    from steps
    where step_number <= {{ longest_path + 1 }}
    group by session_key
),

monthly_paths as (
    select
        sessions.source_system,
        cast(date_trunc('month', sessions.session_date) as date) as month_start_date,
        paths.event_path,
        count(*) as session_count,
        cast(sum(case when sessions.purchase_count > 0 then 1 else 0 end) as bigint)
            as purchase_session_count,
        cast(sum(sessions.event_count) as bigint) as event_count,
        cast(sum(sessions.duration_seconds) as bigint) as duration_seconds_sum
    from sessions
    inner join paths
        on sessions.session_key = paths.session_key
    group by
        sessions.source_system,
        cast(date_trunc('month', sessions.session_date) as date),
        paths.event_path
)

select * from monthly_paths
