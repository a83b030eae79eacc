{#- Bookkeeping of dbt runs in the working file: publishing reads it to refuse stale or failed tables. -#}

{% macro prepare_node_results() -%}
    create schema if not exists ops;
    create table if not exists ops.node_results (
        invocation_id varchar,
        invoked_at timestamp,
        unique_id varchar,
        resource_type varchar,
        node_status varchar,
        started_at timestamp,
        completed_at timestamp,
        seconds double,
        failures bigint,
        message varchar
    );
{%- endmacro %}

{% macro record_node_results(results) -%}
    {%- if execute and results and flags.WHICH in ['build', 'run', 'test', 'seed', 'snapshot'] -%}
        insert into ops.node_results values
        {%- for result in results %}
        {%- set timing = result.timing | list %}
        (
            '{{ invocation_id }}',
            timestamp '{{ run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f') }}',
            '{{ result.node.unique_id }}',
            '{{ result.node.resource_type }}',
            '{{ result.status }}',
            {{ "timestamp '" ~ (timing | first).started_at.strftime('%Y-%m-%d %H:%M:%S.%f') ~ "'" if timing else 'null' }},
            {{ "timestamp '" ~ (timing | last).completed_at.strftime('%Y-%m-%d %H:%M:%S.%f') ~ "'" if timing else 'null' }},
            {{ result.execution_time or 0 }},
            {{ result.failures if result.failures is not none else 'null' }},
            {{ "'" ~ (result.message | string | replace("'", "''")) ~ "'" if result.message else 'null' }}
        ){{ "," if not loop.last }}
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}
