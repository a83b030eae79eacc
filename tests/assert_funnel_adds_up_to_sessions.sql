{{ config(tags=['stream']) }}

-- A row is a source, day and step of which the funnel does not hold the sessions of persons that
-- did it or a later one, by their counts of events; or a day, device and channel that lacks a step.
with sessions as (
    select
        source_system,
        session_date_key,
        case
            when purchase_count > 0 then 5
            when checkout_count > 0 then 4
            when add_to_cart_count > 0 then 3
            when product_view_count > 0 then 2
            else 1
        end as furthest_step
    from {{ ref('fact_sessions') }}
    where visitor_class = 'person'
),

steps as (
    select distinct funnel_step from {{ ref('event_types') }}
),

reached as (
    select
        sessions.source_system,
        sessions.session_date_key,
        steps.funnel_step,
        sum(case when sessions.furthest_step >= steps.funnel_step then 1 else 0 end)
            as session_count
    from sessions
    cross join steps
    group by sessions.source_system, sessions.session_date_key, steps.funnel_step
),

funnel as (
    select
        source_system,
        session_date_key,
        funnel_step,
        sum(session_count) as session_count
    from {{ ref('agg_funnel_daily') }}
    group by source_system, session_date_key, funnel_step
)

select
    coalesce(reached.source_system, funnel.source_system) as source_system,
    coalesce(reached.session_date_key, funnel.session_date_key) as session_date_key,
    coalesce(reached.funnel_step, funnel.funnel_step) as funnel_step,
    reached.session_count as sessions,
    funnel.session_count as funnel_sessions
from reached
full outer join funnel
    on reached.source_system = funnel.source_system
    and reached.session_date_key = funnel.session_date_key
    and reached.funnel_step = funnel.funnel_step
where funnel.session_count is distinct from reached.session_count
union all
select
    source_system,
    session_date_key,
    count(*) as funnel_step,
    null as sessions,
    null as funnel_sessions
from {{ ref('agg_funnel_daily') }}
group by source_system, session_date_key, device_kind, channel_key
having count(*) <> 5
