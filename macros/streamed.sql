{#- Like daily_feature, for a table by customer: a build of the stream replaces the rows of touched customers. -#}
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

{#- Before their rows are added: all that touched customers have on the days that are built now, for one
    whose visit turns out to be that of a bot has none any more. -#}
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

{#- In a build of the stream the join that leaves of `relation` what is of `touched` rows. -#}
{% macro join_touched(touched, relation, columns) -%}
    {%- if var('event_stream', false) and is_incremental() -%}
    inner join ({{ touched }}) as touched
        on {{ relation }}.source_system = touched.source_system
        {%- for column in columns %}
        and {{ relation }}.{{ column }} = touched.{{ column }}
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}

{#- Days of visitors of whom something came, of fact_events. -#}
{% macro touched_visitor_days(events) -%}
    select distinct
        source_system,
        visitor_key,
        event_date
    from {{ events }}
    where {{ is_streamed('known_at') }}
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

{#- All visitors that touched customers were on the days that are built now. -#}
{% macro touched_visitors() -%}
    select distinct
        events.source_system,
        events.visitor_id
    from {{ ref('int_events_unioned') }} as events
    inner join ({{ touched_customers() }}) as customers
        on events.source_system = customers.source_system
        and events.customer_id = customers.customer_id
    where {{ is_near_wanted_day('events.occurred_at') }}
{%- endmacro %}

{#- Of which customers a build of the stream adds snapshots, as CTEs: of those in `touched_customers`, and
    on a day of `new_days`, which the table does not hold yet, of all. -#}
{% macro snapshots_to_add(snapshots) -%}
    touched_customers as (
        {{ touched_customers() }}
    ),

    new_days as (
        select
            snapshots.source_system,
            snapshots.snapshot_date
        from {{ snapshots }} as snapshots
        left join {{ this }} as built
            on snapshots.source_system = built.source_system
            and snapshots.snapshot_date = built.snapshot_date
        where snapshots.observed_days > 0 and {{ is_wanted_day('snapshots.snapshot_date') }}
        group by snapshots.source_system, snapshots.snapshot_date
        having count(built.snapshot_date) = 0
    ),
{%- endmacro %}

{#- Whether a row is of the extracts that the stream builds now. -#}
{% macro is_streamed(known_at) -%}
    {%- set extracts = var('event_stream', none) or {'since': '1900-01-01', 'until': '1900-01-01'} -%}
    {{ known_at }} between timestamp '{{ extracts.since }}' and timestamp '{{ extracts.until }}'
{%- endmacro %}
