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

    -- Windows over so many rows carry no long text: visitors and touches by fingerprints.
    narrow_events as (
        select
            events.source_system,
            events.event_id,
            {{ narrow_key('events.visitor_id') }} as visitor,
            events.event_date,
            events.occurred_at,
            events.customer_id,
            {{ fingerprint("events.channel_id || '/' || coalesce(events.campaign_id, '')") }} as touch,
            agents.device_kind,
            agents.is_bot
        from {{ events }} as events
        left join ranked_agents as agents
            on events.user_agent = agents.user_agent
            and agents.choice = 1
        where events.visitor_id is not null
    ),

    ordered_events as (
        select
            *,
            row_number() over day_of_visitor as position,
            lag(occurred_at) over day_of_visitor as previous_at,
            lag(occurred_at, {{ var('runaway_events_per_hour') }}) over day_of_visitor as pace_at,
            last_value(touch ignore nulls) over (
                partition by source_system, visitor, event_date
                order by occurred_at, event_id
                rows between unbounded preceding and 1 preceding
            ) as previous_touch
        from narrow_events
        window day_of_visitor as (
            partition by source_system, visitor, event_date order by occurred_at, event_id
        )
    ),

    opening_events as (
        select
            *,
            coalesce(
                previous_at is null
                or occurred_at > previous_at + interval '30 minutes'
                or touch <> previous_touch
                or (touch is not null and previous_touch is null), false
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
            partition by source_system, visitor, event_date
            order by position
            rows between unbounded preceding and current row
        )
    ),

    -- A visit of more than 12 hours goes on as another session, and on a day of 25 hours as a third.
    overlong_events as (
        select
            *,
            min(occurred_at) over visit as second_at,
            min(position) over visit as second_position
        from visit_events
        where occurred_at > visit_at + interval '12 hours'
        window visit as (partition by source_system, visitor, event_date, visit_position)
    ),

    overlong_again_events as (
        select
            *,
            min(case when occurred_at > second_at + interval '12 hours' then position end) over (
                partition by source_system, visitor, event_date, visit_position
            ) as third_position
        from overlong_events
    ),

    placed_events as (
        select
            source_system,
            event_id,
            visitor,
            event_date,
            occurred_at,
            customer_id,
            device_kind,
            is_bot,
            position,
            pace_at,
            visit_position as session_position
        from visit_events
        where occurred_at <= visit_at + interval '12 hours'
        union all
        select
            source_system,
            event_id,
            visitor,
            event_date,
            occurred_at,
            customer_id,
            device_kind,
            is_bot,
            position,
            pace_at,
            case when position >= third_position then third_position else second_position end
                as session_position
        from overlong_again_events
    ),

    session_facts as (
        select
            source_system,
            visitor,
            event_date,
            session_position,
            min(occurred_at) as started_at,
            min(case when position = session_position then event_id end) as first_event_id,
            case when min(customer_id) = max(customer_id) then min(customer_id) end
                as only_customer_id,
            min(case when position = session_position then device_kind end) as device_kind,
            max(case when is_bot then 1 else 0 end) as is_declared_bot,
            max(
                case
                    when
                        position >= session_position + {{ var('runaway_events_per_hour') }}
                        and occurred_at < pace_at + interval '1 hour'
                        then 1
                    else 0
                end
            ) as is_runaway
        from placed_events
        group by source_system, visitor, event_date, session_position
    ),

    sessions as (
        select
            source_system,
            visitor,
            event_date,
            session_position,
            {{ surrogate_key(['source_system', 'started_at', 'first_event_id']) }} as session_key,
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
