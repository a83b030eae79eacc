{{ config(
    tags=['stream'],
    **daily_feature('session_date', ['source_system', 'visitor_key', 'session_date'])
) }}

{% set visitor_day = ['visitor_key', 'event_date'] %}
{% set event_types = [
    'page_view', 'product_view', 'search', 'add_to_cart', 'checkout', 'purchase'
] %}

with events as (
    select events.* from {{ ref('fact_events') }} as events
    {{ join_touched(touched_visitor_days(ref('fact_events')), 'events', visitor_day) }}
    where events.session_key <> '-2' and {{ is_wanted_day('events.event_date') }}
),

event_types as (
    select * from {{ ref('event_types') }}
),

identities as (
    select * from {{ ref('int_customer_identities') }}
    where is_current
),

stepped_events as (
    select
        events.*,
        event_types.funnel_step,
        events.session_event_number = 1 as is_first,
        max(events.session_event_number) over (partition by events.session_key)
        = events.session_event_number as is_last
    from events
    inner join event_types
        on events.event_type = event_types.event_type
),

session_sums as (
    select
        source_system,
        session_key,
        visitor_key,
        visitor_class,
        device_kind,
        event_date_key as session_date_key,
        event_date as session_date,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        min(case when customer_id <> '-1' then customer_id end) as lowest_customer_id,
        count(distinct case when customer_id <> '-1' then customer_id end) as customer_count,
        max(case when is_first then customer_key end) as first_customer_key,
        max(case when is_first then channel_key end) as channel_key,
        max(case when is_first then campaign_id end) as campaign_id,
        max(case when is_first then page end) as landing_page,
        max(case when is_last then page end) as exit_page,
        max(funnel_step) as funnel_step,
        count(*) as event_count,
        {%- for event_type in event_types %}
        sum(case when event_type = '{{ event_type }}' then 1 else 0 end) as {{ event_type }}_count,
        {%- endfor %}
        count(distinct case when product_id <> '-2' then product_id end) as product_count
    from stepped_events
    group by
        source_system,
        session_key,
        visitor_key,
        visitor_class,
        device_kind,
        event_date_key,
        event_date
),

sessions as (
    select
        sums.source_system,
        sums.session_key,
        sums.visitor_key,
        sums.visitor_class,
        sums.device_kind,
        sums.session_date_key,
        sums.session_date,
        sums.started_at,
        sums.ended_at,
        {{ whole_seconds('sums.ended_at') }} - {{ whole_seconds('sums.started_at') }}
            as duration_seconds,
        case when sums.customer_count = 1 then sums.first_customer_key else '-1' end
            as customer_key,
        case when sums.customer_count = 1 then sums.lowest_customer_id else '-1' end as customer_id,
        sums.customer_count,
        coalesce(identities.identity_key, '-1') as identity_key,
        sums.channel_key,
        sums.campaign_id,
        sums.landing_page,
        sums.exit_page,
        sums.funnel_step,
        sums.event_count = 1 as is_bounce,
        sums.event_count,
        {%- for event_type in event_types %}
        cast(sums.{{ event_type }}_count as bigint) as {{ event_type }}_count,
        {%- endfor %}
        sums.product_count
    from session_sums as sums
    left join identities
        on sums.source_system = identities.source_system
        and sums.lowest_customer_id = identities.customer_id
        and sums.customer_count = 1
)

select * from sessions
