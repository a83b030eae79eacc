{# Time: the clock, periods and their sequence. #}

{# The wall clock as a timestamp without zone, in the zone of the variable dbt_date:time_zone. #}
{% macro now() %}
    {{- return(adapter.dispatch("now", "dbt_expectations")(var("dbt_date:time_zone", "UTC"))) -}}
{% endmacro %}

{% macro duckdb__now(time_zone) %}
    {{- return("(current_timestamp at time zone '" ~ time_zone ~ "')") -}}
{% endmacro %}

{% macro default__now(time_zone) %}
    {{- return(
        "from_utc_timestamp(to_utc_timestamp(current_timestamp(), current_timezone()), '"
        ~ time_zone ~ "')"
    ) -}}
{% endmacro %}

{% macro as_timestamp(expression) %}
    {{- return("cast(" ~ expression ~ " as " ~ dbt.type_timestamp() ~ ")") -}}
{% endmacro %}

{# The start of the period that holds the time; weeks start on Monday. #}
{% macro period_start(date_part, expression) %}
    {{- return(dbt.date_trunc(date_part, dbt_expectations.as_timestamp(expression))) -}}
{% endmacro %}

{# One row per step from the first to the last timestamp, both included; none if one is NULL. #}
{% macro timestamps_between(first, last, date_part, step) %}
    {{- return(adapter.dispatch("timestamps_between", "dbt_expectations")(
        first, last, date_part, step
    )) -}}
{% endmacro %}

{% macro duckdb__timestamps_between(first, last, date_part, step) %}
    {%- set bounds = first ~ ", " ~ last ~ ", interval " ~ step ~ " " ~ date_part -%}
    {{- return("unnest(generate_series(" ~ bounds ~ "))") -}}
{% endmacro %}

{% macro default__timestamps_between(first, last, date_part, step) %}
    {%- set bounds = first ~ ", " ~ last ~ ", interval " ~ step ~ " " ~ date_part -%}
    {{- return("explode(sequence(" ~ bounds ~ "))") -}}
{% endmacro %}
