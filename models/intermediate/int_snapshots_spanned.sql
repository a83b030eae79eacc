{{ config(materialized='view') }}

with activity as (
    select * from {{ ref('int_customer_activity_reported') }}
),

known_events as (
    select
        source_system,
        max(known_at) as last_known_at
    from {{ ref('int_events_unioned') }}
    group by source_system
),

-- From a month before the first day with events, for the windows, up to what the last one tells.
source_days as (
    select
        activity.source_system,
        min(case when activity.session_count > 0 then activity.business_date end) as first_date,
        greatest(
            cast(max(activity.business_date) + interval {{ var('report_days') }} day as date),
            max(cast({{ to_local(
                'known_events.last_known_at',
                setting_of('activity.source_system', 'time_zone', 'UTC'),
            ) }} as date))
        ) as last_date
    from activity
    inner join known_events
        on activity.source_system = known_events.source_system
    group by activity.source_system
),

spine as (
    {{ date_spine(
        "(select min(first_date) - interval '30 days' from source_days)",
        '(select max(last_date) from source_days)',
    ) }}
),

snapshots as (
    select
        source_days.source_system,
        spine.date_day as snapshot_date,
        cast(spine.date_day - interval {{ var('report_days') }} day as date) as last_business_date,
        {{ days_between('source_days.first_date', 'spine.date_day') }}
        - {{ var('report_days') - 1 }} as observed_days,
        {{ to_utc(
            'cast(spine.date_day + interval 1 day as timestamp)',
            setting_of('source_days.source_system', 'time_zone', 'UTC'),
        ) }} as available_at
    from spine
    inner join source_days
        on spine.date_day <= source_days.last_date
        and spine.date_day > source_days.first_date - interval '30 days'
)

select * from snapshots
