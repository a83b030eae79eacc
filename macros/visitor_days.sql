{#- Which visitors' days of fact_events are built again: the CTEs up to `visitor_days`.

    A visitor's day is built from all of its events, so nothing is lost or repeated however often it is. Days are
    built of visitors with events in an extract of which the target does not hold just the accepted rows. A build that
    does not stream takes also those whose customer or product has another version by now, and the days of the var
    `feature_days`. -#}
{% macro visitor_days_to_build(events, target, customers, products) -%}
    accepted_extracts as (
        {{ extracts_summed(events, target) }}
    ),

    built_extracts as (
        {{ extracts_summed(target, target) }}
    ),

    changed_extracts as (
        select
            coalesce(accepted_extracts.source_system, built_extracts.source_system)
                as source_system,
            coalesce(accepted_extracts.known_minute, built_extracts.known_minute) as known_minute
        from accepted_extracts
        full outer join built_extracts
            on accepted_extracts.source_system = built_extracts.source_system
            and accepted_extracts.known_minute = built_extracts.known_minute
        where
            coalesce(accepted_extracts.event_count, 0) <> coalesce(built_extracts.event_count, 0)
            or coalesce(accepted_extracts.seconds_sum, 0) <> coalesce(built_extracts.seconds_sum, 0)
    ),

    {% if not var('event_stream', false) -%}
    rekeyed_events as (
        select
            built.source_system,
            built.event_id
        from {{ target }} as built
        left join {{ customers }} as customers
            on built.source_system = customers.source_system
            and built.customer_id = customers.customer_id
            and {{ is_valid_at('customers', 'built.occurred_at') }}
        left join {{ products }} as products
            on built.source_system = products.source_system
            and built.product_id = products.product_id
            and {{ is_valid_at('products', 'built.occurred_at') }}
        where
            built.customer_key <> coalesce(customers.customer_key, '-1')
            or built.product_key <> coalesce(
                products.product_key, case when built.product_id = '-2' then '-2' else '-1' end
            )
    ),

    {% endif -%}
    visitor_days as (
        select distinct
            events.source_system,
            coalesce(events.visitor_id, '') as visitor_id,
            events.event_date
        from {{ events }} as events
        inner join changed_extracts
            on events.source_system = changed_extracts.source_system
            and date_trunc('minute', events.known_at) = changed_extracts.known_minute
        where
            events.known_at >= (select min(known_minute) from changed_extracts)
            and events.known_at < (
                select max(known_minute) + interval '1 minute' from changed_extracts
            )
        {%- if not var('event_stream', false) %}
        union
        select
            built.source_system,
            case
                when built.visitor_key = '-1' then '' else coalesce(built.device_hash, built.customer_id)
            end as visitor_id,
            built.event_date
        from {{ target }} as built
        inner join changed_extracts
            on built.source_system = changed_extracts.source_system
            and date_trunc('minute', built.known_at) = changed_extracts.known_minute
        union
        select
            events.source_system,
            coalesce(events.visitor_id, '') as visitor_id,
            events.event_date
        from {{ events }} as events
        inner join rekeyed_events
            on events.source_system = rekeyed_events.source_system
            and events.event_id = rekeyed_events.event_id
        {%- if var('feature_days', none) %}
        union
        select
            source_system,
            coalesce(visitor_id, '') as visitor_id,
            event_date
        from {{ events }}
        where {{ is_wanted_day('event_date') }}
        {%- endif %}
        {%- endif %}
    ),

    -- So that whole row groups are left out, and all where nothing is to be built: a business day is
    -- within a day of its date in UTC.
    first_moments as (
        select coalesce(min(event_date) - interval '1 day', {{ first_instant() }}) as first_at
        from visitor_days
    ),

    last_moments as (
        select coalesce(max(event_date) + interval '2 days', {{ first_instant() }}) as last_at
        from visitor_days
    )
{%- endmacro %}

{#- What an extract holds, in two numbers: how many events, and the sum of their times. While events stream
    only extracts of the last hours count: others wait in quarantine. -#}
{% macro extracts_summed(relation, target) -%}
    select
            source_system,
            date_trunc('minute', known_at) as known_minute,
            count(*) as event_count,
            sum({{ whole_seconds('occurred_at') }}) as seconds_sum
        from {{ relation }}
        {%- if var('event_stream', false) %}
        where
            known_at >= (
                select coalesce(max(known_at), {{ first_instant() }}) - {{ event_window() }}
                from {{ target }}
            )
        {%- endif %}
        group by source_system, date_trunc('minute', known_at)
{%- endmacro %}

{#- How long an event may take to arrive while events stream. -#}
{% macro event_window() -%}
    interval '{{ var('event_window_hours') }} hours'
{%- endmacro %}
