{{ config(tags=['stream'], **daily_customer_feature('snapshot_date')) }}
-- depends_on: {{ ref('int_events_unioned') }}

{% set counts = [
    'session', 'product_view', 'search', 'add_to_cart', 'checkout', 'purchase', 'order'
] %}
{% set window_days = [1, 3, 7, 14, 30] %}
{% set active_days = 90 %}
{% set is_scoped = var('event_stream', false) and is_incremental() %}

-- The longest window needs as many days before the first that is wanted.
with snapshots as (
    select * from {{ ref('int_snapshots_spanned') }}
    where {{ is_wanted_day('snapshot_date', days_before=window_days | last) }}
),

first_days as (
    select
        source_system,
        cast(min(last_business_date) - interval {{ active_days - 1 }} day as date) as first_date
    from snapshots
    group by source_system
),

{% if is_scoped -%}
{{ snapshots_to_add('snapshots') }}

{% endif -%}
activity as (
    select activity.*
    from {{ ref('int_customer_activity_reported') }} as activity
    inner join first_days
        on activity.source_system = first_days.source_system
        and activity.business_date >= first_days.first_date
    {%- if is_scoped %}
    left join touched_customers as touched
        on activity.source_system = touched.source_system
        and activity.customer_id = touched.customer_id
    where touched.customer_id is not null or (select count(*) from new_days) > 0
    {%- endif %}
),

{{ customer_windows('activity', counts, window_days) }},

-- A row for every day of a customer until 90 days after the last activity. Whoever comes back later
-- has done nothing in the 30 days before the pause, so that a lag of rows is one of days.
spanned_days as (
    select
        days.*,
        snapshots.snapshot_date,
        snapshots.observed_days,
        snapshots.available_at
    from cumulated_days as days
    inner join snapshots
        on days.source_system = snapshots.source_system
        and days.business_date <= snapshots.last_business_date
        and coalesce(days.next_date > snapshots.last_business_date, true)
        and {{ days_between('days.last_active_date', 'snapshots.last_business_date') }}
        < {{ active_days }}
),

features as (
    select
        source_system,
        customer_id,
        snapshot_date,
        observed_days,
        {%- for last in ['session', 'order'] %}
        {%- set days = days_between('last_' ~ last ~ '_date', 'snapshot_date') %}
        case when {{ days }} <= {{ active_days }} then {{ days }} end as days_since_{{ last }},
        {%- endfor %}
        {%- for count in counts %}
        {%- for days in window_days %}
        cast(
            {{ count }}_count
            - coalesce(lag({{ count }}_count, {{ days }}) over days_of_customer, 0) as integer
        ) as {{ count }}_count_{{ days }}d,
        {%- endfor %}
        {%- endfor %}
        {%- for days in window_days %}
        cast(
            product_count - coalesce(lag(product_count, {{ days }}) over days_of_customer, 0)
            - repeat_count_{{ days }}d as integer
        ) as product_count_{{ days }}d,
        {%- endfor %}
        available_at
    from spanned_days
    window days_of_customer as (
        partition by source_system, customer_id order by snapshot_date
    )
)

select features.* from features
{% if is_scoped -%}
left join touched_customers as touched
    on features.source_system = touched.source_system
    and features.customer_id = touched.customer_id
left join new_days
    on features.source_system = new_days.source_system
    and features.snapshot_date = new_days.snapshot_date
{%- endif %}
where
    features.observed_days > 0
    and {{ is_wanted_day('features.snapshot_date') }}
    {%- if is_scoped %}
    and coalesce(touched.source_system, new_days.source_system) is not null
    {%- endif %}
