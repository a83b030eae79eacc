{#- Like daily_feature, for a table with the key `customer_id`: while events stream only the rows of customers are
    built again of whom something came. -#}
{% macro daily_customer_feature(date_column) %}
    {%- set config = daily_feature(date_column) -%}
    {%- if var('event_stream', false) -%}
        {%- do config.update({
            'incremental_strategy': 'append',
            'unique_key': none,
            'pre_hook': "{{ delete_touched_customers('" ~ date_column ~ "') }}",
        }) -%}
    {%- endif -%}
    {{ return(config) }}
{% endmacro %}

{#- Before the rows of touched customers are added: all that they have on the days that are built now, for a
    customer whose visit turns out to be that of a bot has none any more. -#}
{% macro delete_touched_customers(date_column) -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where
        {{ is_wanted_day(date_column) }}
        and (source_system, customer_id) in ({{ touched_customers() }})
    {%- else -%}
    select 1
    {%- endif -%}
{%- endmacro %}

{#- Customers whose days an event of the stream may change: all who were seen on a day of its visitor. -#}
{% macro touched_customers() -%}
    select distinct
        events.source_system,
        events.customer_id
    from {{ ref('int_events_unioned') }} as events
    inner join (
        select distinct
            source_system,
            visitor_id,
            event_date
        from {{ ref('int_events_unioned') }}
        where {{ is_streamed('known_at') }}
    ) as visitor_days
        on events.source_system = visitor_days.source_system
        and events.visitor_id = visitor_days.visitor_id
        and events.event_date = visitor_days.event_date
    where events.customer_id is not null and {{ is_near_wanted_day('events.occurred_at') }}
{%- endmacro %}

{#- Whether a row is of the extracts that the stream builds now. -#}
{% macro is_streamed(known_at) -%}
    {%- set extracts = var('event_stream') -%}
    {{ known_at }} between timestamp '{{ extracts.since }}' and timestamp '{{ extracts.until }}'
{%- endmacro %}
