{#- Sessions of visitors (rules: models/overview.md, "Events and sessions").

    The CTEs up to `placed_events` (one row per event with a visitor) and `sessions`, over events with
    source_system, event_id, visitor_id, event_date, occurred_at, customer_id, channel_id, campaign_id,
    user_agent. A session is named by its visitor, date and the position of its first event that day. -#}
{% macro sessions(events, user_agents) -%}
    agents as (
        select distinct user_agent from {{ events }}
    ),

    ranked_agents as (
        select
            agents.user_agent,
            patterns.device_kind,
            patterns.is_bot,
            row_number() over (partition by agents.user_agent order by patterns.rank) as choice
        from agents
        inner join {{ user_agents }} as patterns
            on lower(agents.user_agent) like '%' || patterns.pattern || '%'
    ),

    ordered_events as (
        select
            source_system,
            event_id,
            visitor_id,
            event_date,
            occurred_at,
            customer_id,
            user_agent,
            channel_id || '/' || coalesce(campaign_id, '') as touch,
            row_number() over day_of_visitor as position,
            lag(occurred_at) over day_of_visitor as previous_at,
            lag(occurred_at, {{ var('runaway_events_per_hour') }}) over day_of_visitor as pace_at,
            last_value(channel_id || '/' || coalesce(campaign_id, '') ignore nulls) over (
                partition by source_system, visitor_id, event_date
                order by occurred_at, event_id
                rows between unbounded preceding and 1 preceding
            ) as previous_touch
        from {{ events }}
        where visitor_id is not null
        window day_of_visitor as (
            partition by source_system, visitor_id, event_date order by occurred_at, event_id
        )
    ),

    opening_events as (
        select
            *,
            coalesce(
                previous_at is null
                or occurred_at > previous_at + interval '30 minutes'
                or touch <> coalesce(previous_touch, ''), false
            ) as is_opening
        from ordered_events
    ),

    visit_events as (
        select
            *,
            max(case when is_opening then position end) over day_so_far as visit_position,
            max(case when is_opening then occurred_at end) over day_so_far as visit_at
        from opening_events
        window day_so_far as (
            partition by source_system, visitor_id, event_date
            order by position
            rows between unbounded preceding and current row
        )
    ),

    -- A visit of more than 12 hours goes on as another session, and on a day of 25 hours as a third.
    late_events as (
        select
            *,
            min(occurred_at) over visit as second_at,
            min(position) over visit as second_position
        from visit_events
        where occurred_at > visit_at + interval '12 hours'
        window visit as (partition by source_system, visitor_id, event_date, visit_position)
    ),

    very_late_events as (
        select
            *,
            min(case when occurred_at > second_at + interval '12 hours' then position end) over (
                partition by source_system, visitor_id, event_date, visit_position
            ) as third_position
        from late_events
    ),

    placed_events as (
        select
            source_system,
            event_id,
            visitor_id,
            event_date,
            occurred_at,
            customer_id,
            user_agent,
            position,
            pace_at,
            visit_position as session_position
        from visit_events
        where occurred_at <= visit_at + interval '12 hours'
        union all
        select
            source_system,
            event_id,
            visitor_id,
            event_date,
            occurred_at,
            customer_id,
            user_agent,
            position,
            pace_at,
            case when position >= third_position then third_position else second_position end
                as session_position
        from very_late_events
    ),

    session_facts as (
        select
            placed.source_system,
            placed.visitor_id,
            placed.event_date,
            placed.session_position,
            min(placed.occurred_at) as started_at,
            min(case when placed.position = placed.session_position then placed.event_id end)
                as first_event_id,
            case
                when min(placed.customer_id) = max(placed.customer_id) then min(placed.customer_id)
            end as only_customer_id,
            min(case when placed.position = placed.session_position then agents.device_kind end)
                as device_kind,
            max(case when agents.is_bot then 1 else 0 end) as is_declared_bot,
            max(
                case
                    when
                        placed.position >= placed.session_position + {{ var('runaway_events_per_hour') }}
                        and placed.occurred_at < placed.pace_at + interval '1 hour'
                        then 1
                    else 0
                end
            ) as is_runaway
        from placed_events as placed
        left join ranked_agents as agents
            on placed.user_agent = agents.user_agent
            and agents.choice = 1
        group by
            placed.source_system, placed.visitor_id, placed.event_date, placed.session_position
    ),

    sessions as (
        select
            source_system,
            visitor_id,
            event_date,
            session_position,
            {{ surrogate_key(['source_system', 'visitor_id', 'started_at', 'first_event_id']) }}
                as session_key,
            {{ surrogate_key(['source_system', 'visitor_id']) }} as visitor_key,
            only_customer_id,
            coalesce(device_kind, 'unknown') as device_kind,
            case
                when is_declared_bot = 1 then 'declared_bot'
                when is_runaway = 1 then 'runaway'
                else 'person'
            end as visitor_class
        from session_facts
    )
{%- endmacro %}
