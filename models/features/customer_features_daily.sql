{{ config(tags=['stream'], **daily_feature('snapshot_date')) }}

{% set counts = ['session', 'product_view', 'search', 'add_to_cart', 'checkout', 'purchase', 'order'] %}
{% set window_days = [1, 3, 7, 14, 30] %}
{% set active_days = 90 %}

with activity as (
    select * from {{ ref('int_customer_activity_lasting') }}
),

snapshots as (
    select * from {{ ref('int_snapshots_spanned') }}
    where {{ is_wanted_day('snapshot_date') }}
),

dated_activity as (
    select
        activity.*,
        snapshots.snapshot_date,
        snapshots.observed_days,
        snapshots.available_at,
        {{ days_between('activity.business_date', 'snapshots.last_business_date') }} + 1 as age_days
    from activity
    inner join snapshots
        on activity.source_system = snapshots.source_system
        and activity.business_date <= snapshots.last_business_date
        and {{ days_between('activity.business_date', 'snapshots.last_business_date') }}
        < activity.lasting_days
),

windows as (
    select
        source_system,
        customer_id,
        snapshot_date,
        observed_days,
        max(last_session_date) as last_session_date,
        max(last_order_date) as last_order_date,
        {%- for count in counts + ['product'] %}
        {%- for days in window_days %}
        cast(sum(case when age_days <= {{ days }} then {{ count }}_count else 0 end) as integer)
            as {{ count }}_count_{{ days }}d,
        {%- endfor %}
        {%- endfor %}
        available_at
    from dated_activity
    group by source_system, customer_id, snapshot_date, observed_days, available_at
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
        {%- for count in counts + ['product'] %}
        {%- for days in window_days %}
        {{ count }}_count_{{ days }}d,
        {%- endfor %}
        {%- endfor %}
        available_at
    from windows
)

select * from features
