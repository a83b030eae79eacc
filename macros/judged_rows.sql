{#- One landed row in, one judged row out: the contract of the source decides casts, masks, reasons
    and duplicates. -#}
{% macro judged_rows(source_relation) -%}
    {%- set contract = source_contract(source_relation) -%}
    {%- set columns = contract.columns.values() | list -%}
    {%- set zone = contract.meta.get('timestamps_in', 'UTC') -%}
    {%- set key = contract.meta.key -%}
    {%- set load_kind = contract.meta.load_kind -%}
    {%- set changed_at = 'updated_at' if load_kind == 'increment' else none -%}
    {%- set business_time = contract.meta.get('business_time', changed_at) -%}
    {#- A copy repeats the row before it: of its extract, of its key over time (so a correction that is
        taken back counts), or of all changes. -#}
    {%- set repeats_within = ['_extracted_at', '_content_hash'] if load_kind == 'full'
        else key if load_kind == 'append' and key else ['_content_hash'] -%}
    {%- set has_conflicts = key and load_kind != 'increment' -%}
    {%- set in_conflict = 'conflicting_keys.' ~ key[0] ~ ' is not null' if has_conflicts else 'false' -%}
    {%- set only_here = ['_cast_reasons', '_reasons_found', '_landed_content', '_is_duplicate'] -%}
    with

    landed as (
        select
            *,
            {{ row_hash(columns | map(attribute='name') | list) }} as _content_hash
        from {{ source_relation }}
    ),

    compared as (
        select
            _load_id,
            _row_number,
            lag(_content_hash) over (
                partition by {{ repeats_within | join(', ') }}
                order by _extracted_at nulls first, _content_hash, _load_id, _row_number
            ) = _content_hash as is_copy
        from landed
    ),

    copies as (
        select
            _load_id,
            _row_number
        from compared
        where is_copy
    ),

    typed as (
        select
            {%- for column in columns %}
            {{ typed_columns(column, zone) }},
            {%- endfor %}
            nullif(concat_ws(
                '; ',
                null
                {%- for column in columns %}{{ cast_reasons(column, zone) }}{% endfor %}
                {%- for name in key %},
                case when {{ cleaned('landed.' ~ name) }} is null then '{{ name }}: missing' end
                {%- endfor %}
                {%- if load_kind == 'increment' %},
                case
                    when coalesce(upper({{ cleaned('landed.op') }}), '') not in ('I', 'U', 'D')
                        then 'op: none of I, U, D'
                end,
                case
                    when {{ cleaned('landed.updated_at') }} is null then 'updated_at: missing'
                end
                {%- endif %}
            ), '') as _cast_reasons,
            {{ raw_content(columns) }} as _landed_content,
            landed._content_hash,
            landed._load_id,
            landed._row_number,
            landed._extracted_at,
            {%- if business_time %}
            coalesce(
                landed._extracted_at,
                {{ typed_value('landed.' ~ business_time, 'timestamp', zone) }}
                + interval {{ contract.meta.known_lag }}
            ) as _known_at,
            {%- else %}
            landed._extracted_at as _known_at,
            {%- endif %}
            copies._load_id is not null as _is_duplicate
        from landed
        left join copies
            on landed._load_id = copies._load_id
            and landed._row_number = copies._row_number
    ),

    ruled as (
        select
            *,
            nullif(concat_ws(
                '; ',
                _cast_reasons
                {%- for rule in contract.meta.get('quarantine_rules', []) %},
                case when _cast_reasons is null and ({{ rule.when }}) then '{{ rule.name }}' end
                {%- endfor %}
            ), '') as _reasons_found
        from typed
    ),

    conflicting_keys as (
        select
            {%- for name in key if has_conflicts %}
            {{ name }},
            {%- endfor %}
            _extracted_at
        from ruled
        where {{ "_reasons_found is null" if has_conflicts else "false" }}
        group by all
        having count(distinct _content_hash) > 1
    ),

    judged as (
        select
            ruled.*,
            case
                when {{ in_conflict }} then 'quarantined'
                when ruled._is_duplicate then 'duplicate'
                when ruled._reasons_found is not null then 'quarantined'
                else 'accepted'
            end as _status
        from ruled
        {%- if has_conflicts %}
        left join conflicting_keys
            on ruled._extracted_at is not distinct from conflicting_keys._extracted_at
            {%- for name in key %}
            and ruled.{{ name }} = conflicting_keys.{{ name }}
            {%- endfor %}
        {%- endif %}
    )

    select
        {{ all_columns_except(only_here) }},
        case
            when _status = 'quarantined' then coalesce(_reasons_found, 'key_conflict')
        end as _reasons,
        case when _status = 'quarantined' then _landed_content end as _raw_content
    from judged
{%- endmacro %}
