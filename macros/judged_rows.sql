{#- One landed row in, one judged row out: the contract of the source decides casts, masks, reasons and duplicates. -#}
{% macro judged_rows(source_relation) -%}
    {%- set contract = source_contract(source_relation) -%}
    {%- set columns = contract.columns.values() | list -%}
    {%- set zone = contract.meta.get('timestamps_in', 'UTC') -%}
    {%- set key = contract.meta.key -%}
    {%- set business_time = contract.meta.get('business_time', 'updated_at' if contract.meta.load_kind == 'increment' else none) -%}
    {%- set is_full = contract.meta.load_kind == 'full' -%}
    {%- set has_conflicts = key and contract.meta.load_kind != 'increment' -%}
    with

    landed as (
        select
            *,
            {{ row_hash(columns | map(attribute='name') | list) }} as _content_hash
        from {{ source_relation }}
    ),

    repeated_contents as (
        select
            _content_hash,
            {{ "_extracted_at" if is_full else "null" }} as repeated_within
        from landed
        group by 1, 2
        having count(*) > 1
    ),

    copies as (
        select
            landed._load_id,
            landed._row_number,
            row_number() over (
                partition by landed._content_hash, repeated_contents.repeated_within
                order by landed._extracted_at nulls first, landed._load_id, landed._row_number
            ) as copy_number
        from landed
        inner join repeated_contents
            on landed._content_hash = repeated_contents._content_hash
            {%- if is_full %}
            and landed._extracted_at is not distinct from repeated_contents.repeated_within
            {%- endif %}
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
                case when coalesce(trim(landed.{{ name }}), '') = '' then '{{ name }}: missing' end
                {%- endfor %}
            ), '') as _cast_reasons,
            {{ raw_content(columns) }} as _landed_content,
            landed._content_hash,
            landed._load_id,
            landed._row_number,
            landed._extracted_at,
            {%- if business_time %}
            coalesce(
                landed._extracted_at,
                {{ typed_value('landed.' ~ business_time, 'timestamp', zone) }} + interval {{ contract.meta.known_lag }}
            ) as _known_at,
            {%- else %}
            landed._extracted_at as _known_at,
            {%- endif %}
            coalesce(copies.copy_number, 1) > 1 as _is_duplicate
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
        where {{ "_reasons_found is null and not _is_duplicate" if has_conflicts else "false" }}
        group by all
        having count(*) > 1
    ),

    judged as (
        select
            ruled.*,
            case
                when ruled._is_duplicate then 'duplicate'
                when ruled._reasons_found is not null or {{ "conflicting_keys." ~ key[0] ~ " is not null" if has_conflicts else "false" }} then 'quarantined'
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
        {{ all_columns_except(['_cast_reasons', '_reasons_found', '_landed_content', '_is_duplicate']) }},
        case when _status = 'quarantined' then coalesce(_reasons_found, 'key_conflict') end as _reasons,
        case when _status = 'quarantined' then _landed_content end as _raw_content
    from judged
{%- endmacro %}
