{#- The configuration of a table by day that is built whole, unless `--vars '{feature_days: {first:
    2025-12-01, before: 2025-12-08}}'` names days: then only these are replaced, and while events stream only the rows
    with the `streamed_key` of those that are built. -#}
{% macro daily_feature(date_column, streamed_key=none) %}
    {{ return({
        'materialized': 'incremental',
        'incremental_strategy': 'delete+insert',
        'unique_key': streamed_key if streamed_key and var('event_stream', false) else date_column,
        'on_schema_change': 'fail',
        'full_refresh': var('feature_days', none) is none,
    }) }}
{% endmacro %}

{#- Whether a row is of the days that are built now, or of so many days before them. -#}
{% macro is_wanted_day(date_column, days_before=0) -%}
    {%- set days = var('feature_days', none) -%}
    {%- if days -%}
        {{ date_column }} >= date '{{ days.first }}'{{ " - interval " ~ days_before ~ " day" if days_before }} and {{ date_column }} < date '{{ days.before }}'
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- Whether a moment may be of the days that are built now, in whatever zone: by it whole row groups are
    left out before its date is known. -#}
{% macro is_near_wanted_day(moment) -%}
    {%- set days = var('feature_days', none) -%}
    {%- if days -%}
        {{ moment }} >= timestamp '{{ days.first }} 00:00:00' - interval '1 day'
        and {{ moment }} < timestamp '{{ days.before }} 00:00:00' + interval '1 day'
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
