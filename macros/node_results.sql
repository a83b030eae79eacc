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
    comment on table ops.node_results is 'One row per dbt invocation and node, written at the end of each invocation.';
    comment on column ops.node_results.invocation_id is 'Id that dbt gave the invocation.';
    comment on column ops.node_results.invoked_at is 'When it started, UTC.';
    comment on column ops.node_results.unique_id is 'Id of the node in the manifest.';
    comment on column ops.node_results.resource_type is 'model, test, seed, snapshot or unit_test.';
    comment on column ops.node_results.node_status is 'dbt''s status; partial under --empty and --sample.';
    comment on column ops.node_results.started_at is 'When the node started, UTC.';
    comment on column ops.node_results.completed_at is 'When it was done, UTC.';
    comment on column ops.node_results.seconds is 'How long it took. Additive.';
    comment on column ops.node_results.failures is 'Rows a test found.';
    comment on column ops.node_results.message is 'What dbt said of it.';
    create table if not exists ops.invocations (
        invocation_id varchar,
        invoked_at timestamp,
        ended_at timestamp
    );
    alter table ops.invocations add column if not exists is_streamed boolean default false;
    {%- if execute and is_recorded() %}
    -- A run that is killed leaves ended_at empty, and tables of which nobody knows the state.
    insert into ops.invocations (invocation_id, invoked_at, ended_at, is_streamed)
    values ('{{ invocation_id }}', {{ literal_time(run_started_at) }}, null, {{ 'true' if var('event_stream', false) else 'false' }});
    {%- endif %}
{%- endmacro %}

{% macro record_node_results(results) -%}
    {%- if execute and is_recorded() -%}
        {%- if results -%}
        insert into ops.node_results values
        {%- for result in results %}
        {%- set timing = result.timing | list %}
        (
            '{{ invocation_id }}',
            {{ literal_time(run_started_at) }},
            '{{ result.node.unique_id }}',
            '{{ result.node.resource_type }}',
            '{{ recorded_status(result) }}',
            {{ literal_time((timing | first).started_at) if timing else 'null' }},
            {{ literal_time((timing | last).completed_at) if timing else 'null' }},
            {{ result.execution_time or 0 }},
            {{ result.failures if result.failures is not none else 'null' }},
            {{ "'" ~ (result.message | string | replace("'", "''")) ~ "'" if result.message else 'null' }}
        ){{ "," if not loop.last }}
        {%- endfor %};
        {%- endif %}
        {%- if var('event_stream', false) %}
        -- Of the builds of a stream, one every few seconds, only the last is kept.
        delete from ops.node_results where invocation_id in (
            select invocation_id from ops.invocations
            where is_streamed and invocation_id <> '{{ invocation_id }}'
        );
        delete from ops.invocations where is_streamed and invocation_id <> '{{ invocation_id }}';
        {%- endif %}
        update ops.invocations
        set ended_at = {{ literal_time(modules.datetime.datetime.now(modules.pytz.utc)) }}
        where invocation_id = '{{ invocation_id }}'
    {%- endif -%}
{%- endmacro %}

{#- Whether the command changes tables or tests them. -#}
{% macro is_recorded() -%}
    {{ return(flags.WHICH in ['build', 'run', 'test', 'seed', 'snapshot']) }}
{%- endmacro %}

{#- What is built or tested with --empty or --sample is a success for dbt only. -#}
{% macro recorded_status(result) -%}
    {%- set is_partial = flags.EMPTY or flags.SAMPLE -%}
    {{ return('partial' if is_partial and result.status in ['success', 'pass'] else result.status | string) }}
{%- endmacro %}

{% macro literal_time(moment) -%}
    {{ return("timestamp '" ~ moment.strftime('%Y-%m-%d %H:%M:%S.%f') ~ "'") }}
{%- endmacro %}
