{#- The CTEs `typed` and `ruled` (with a prefix) over landed rows: the columns of the contract, and why a
    row is refused. The row as it came is `_landed`. -#}
{% macro ruled_rows(contract, relation='landed', prefix='', content_hash=none, dates_history=true) -%}
    {%- set columns = contract.columns.values() | list -%}
    {%- set zone = contract.meta.get('timestamps_in', 'UTC') -%}
    {%- set key = contract.meta.key -%}
    {%- set is_increment = contract.meta.load_kind == 'increment' -%}
    {%- set changed_at = 'updated_at' if is_increment else none -%}
    {%- set business_time = contract.meta.get('business_time', changed_at) -%}
    {%- set history_time = contract.meta.get('history_time', business_time) if dates_history -%}
    {#- A deletion needs its key and its time; what else it holds is not judged. -#}
    {%- set of_deletions = (key or []) + ['op', 'updated_at'] if is_increment else [] -%}
    {%- set deleting = "coalesce(upper(" ~ cleaned('landed.op') ~ "), '') = 'D'" -%}
    {{ prefix }}typed as (
        select
            {%- for column in columns %}
            {{ typed_columns(column, zone) }},
            {%- endfor %}
            nullif(concat_ws(
                '; ',
                null
                {%- for column in columns if not is_increment or column.name in of_deletions %}
                {{- cast_reasons(column, zone) }}
                {%- endfor %}
                {%- if is_increment %},
                case
                    when not {{ deleting }}
                        then nullif(concat_ws(
                            '; ',
                            null
                            {%- for column in columns if column.name not in of_deletions %}
                            {{- cast_reasons(column, zone) }}
                            {%- endfor %}
                        ), '')
                end
                {%- endif %}
                {%- for name in key %},
                case
                    when {{ cleaned(name) }} is null then '{{ name }}: missing'
                    when {{ cleaned(name) }} in ('-1', '-2') then '{{ name }}: reserved'
                end
                {%- endfor %}
                {%- if is_increment %},
                case
                    when coalesce(upper({{ cleaned('landed.op') }}), '') not in ('I', 'U', 'D')
                        then 'op: none of I, U, D'
                end,
                case
                    when {{ cleaned('landed.updated_at') }} is null then 'updated_at: missing'
                    when
                        {{ typed_value('landed.updated_at', 'timestamp', zone) }}
                        > _extracted_at + interval 1 day
                        then 'updated_at: after the extract'
                end
                {%- endif %}
            ), '') as _cast_reasons,
            {{ row_struct('landed') }} as _landed,
            {%- if content_hash %}
            {{ content_hash }} as _content_hash,
            {%- endif %}
            _load_id,
            _row_number,
            _extracted_at,
            {%- if business_time %}
            coalesce(
                _extracted_at,
                {{ typed_value('landed.' ~ business_time, 'timestamp', zone) }}
                + interval {{ contract.meta.known_lag }}
            ) as _known_at
            {%- else %}
            _extracted_at as _known_at
            {%- endif %},
            {%- if history_time %}
            -- The first extract brings history: its rows were known when they happened.
            case
                when _extracted_at > (select min(_extracted_at) from {{ relation }}) then _extracted_at
                else least(
                    _extracted_at,
                    {{ typed_value('landed.' ~ history_time, 'timestamp', zone) }}
                    + interval {{ contract.meta.known_lag }}
                )
            end as _available_at
            {%- else %}
            _extracted_at as _available_at
            {%- endif %}
        from {{ relation }} as landed
    ),

    {{ prefix }}ruled as (
        select
            *,
            nullif(concat_ws(
                '; ',
                _cast_reasons
                {%- for rule in contract.meta.get('quarantine_rules', []) %},
                case
                    when
                        _cast_reasons is null
                        {% if is_increment %}and op <> 'D'{% endif %}
                        and ({{ rule.when }})
                        then '{{ rule.name }}'
                end
                {%- endfor %}
            ), '') as _reasons_found
        from {{ prefix }}typed
    )
{%- endmacro %}

{#- One landed row in, one judged row out: the contract of the source decides casts, masks, reasons
    and duplicates. -#}
{% macro judged_rows(source_relation) -%}
    {%- set contract = source_contract(source_relation) -%}
    {%- set columns = contract.columns.values() | list -%}
    {%- set zone = contract.meta.get('timestamps_in', 'UTC') -%}
    {%- set key = contract.meta.key -%}
    {%- set load_kind = contract.meta.load_kind -%}
    {#- A copy repeats the row before it: of its extract, of its key over time (so a correction that is
        taken back counts), or of all changes. -#}
    {%- set repeats_within = ['_extracted_at', '_content_hash'] if load_kind == 'full'
        else key if load_kind == 'append' and key else ['_content_hash'] -%}
    {%- set has_conflicts = key and load_kind != 'increment' -%}
    {%- set only_here = ['_cast_reasons', '_reasons_found', '_landed', '_is_in_conflict', '_is_copy'] -%}
    with

    landed as (
        select * from {{ source_relation }}
    ),

    {{ ruled_rows(contract, content_hash=content_hash(columns, zone)) }},

    contradicted as (
        select
            *,
            {%- if has_conflicts %}
            _reasons_found is null
            and min(case when _reasons_found is null then _content_hash end) over key_of_extract
            <> max(case when _reasons_found is null then _content_hash end) over key_of_extract
                as _is_in_conflict
            {%- else %}
            false as _is_in_conflict
            {%- endif %}
        from ruled
        {%- if has_conflicts %}
        window key_of_extract as (partition by _extracted_at, {{ key | join(', ') }})
        {%- endif %}
    ),

    -- An accepted row is a copy of accepted ones only: what is refused leaves room for its
    -- correction. An undated delivery comes after the dated ones.
    compared as (
        select
            *,
            coalesce(
                lag(_content_hash) over (
                    partition by
                        {{ repeats_within | join(', ') }},
                        _reasons_found is null,
                        _is_in_conflict
                    order by _extracted_at nulls last, _content_hash, _load_id, _row_number
                ) = _content_hash, false
            ) as _is_copy
        from contradicted
    ),

    judged as (
        select
            *,
            case
                when _is_in_conflict then 'quarantined'
                when _is_copy then 'duplicate'
                when _reasons_found is not null then 'quarantined'
                else 'accepted'
            end as _status
        from compared
    )

    select
        {{ all_columns_except(only_here) }},
        case
            when _status = 'quarantined' then coalesce(_reasons_found, 'key_conflict')
        end as _reasons,
        case when _status = 'quarantined' then {{ raw_content(columns) }} end as _raw_content
    from judged
{%- endmacro %}
