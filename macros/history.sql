{#- SCD2 history as a pure function of all landed states (definitions: models/overview.md, "Keys and versioning"). -#}

{#- Changes out of full extracts: a key that is absent was deleted, one that is back has returned.
    states:   one accepted row per key and extract, with updated_at and the attribute columns
    presence: every landed row, refused ones too: a refused row is no deletion
    extracts: the declared times of all extracts of the entity, empty ones too -#}
{% macro full_extract_changes(states, presence, extracts, key, attributes) -%}
    numbered_extracts as (
        select
            extracted_at,
            row_number() over (order by extracted_at) as extract_number
        from {{ extracts }}
        group by extracted_at
    ),

    sightings as (
        select
            presence.{{ key }},
            numbered_extracts.extract_number,
            numbered_extracts.extracted_at,
            lag(numbered_extracts.extract_number) over (
                partition by presence.{{ key }} order by numbered_extracts.extract_number
            ) as previous_extract_number,
            lead(numbered_extracts.extract_number) over (
                partition by presence.{{ key }} order by numbered_extracts.extract_number
            ) as next_extract_number
        from (select distinct {{ key }}, _extracted_at from {{ presence }}) as presence
        inner join numbered_extracts
            on presence._extracted_at = numbered_extracts.extracted_at
    ),

    stays as (
        select
            *,
            max(case
                when previous_extract_number < extract_number - 1 then extracted_at
            end) over (
                partition by {{ key }} order by extract_number
                rows between unbounded preceding and current row
            ) as returned_at
        from sightings
    ),

    seen_states as (
        select
            stays.{{ key }},
            stays.extracted_at,
            stays.returned_at,
            least(coalesce(states.updated_at, stays.extracted_at), stays.extracted_at) as stated_at,
            lag(states.updated_at) over (
                partition by stays.{{ key }} order by stays.extract_number
            ) as previous_updated_at,
            lag(stays.extract_number) over (
                partition by stays.{{ key }} order by stays.extract_number
            ) is null as is_first,
            {{ struct_of(attributes) }} as attributes
        from stays
        inner join {{ states }} as states
            on stays.{{ key }} = states.{{ key }}
            and stays.extracted_at = states._extracted_at
    ),

    upserts as (
        select
            {{ key }},
            case
                when is_first then stated_at
                when returned_at = extracted_at then extracted_at
                when previous_updated_at is null or stated_at > previous_updated_at
                    then greatest(stated_at, coalesce(returned_at, stated_at))
                else extracted_at
            end as valid_at,
            false as is_deleted,
            attributes
        from seen_states
    ),

    deletions as (
        select
            stays.{{ key }},
            numbered_extracts.extracted_at as valid_at,
            true as is_deleted,
            null as attributes
        from stays
        inner join numbered_extracts
            on stays.extract_number + 1 = numbered_extracts.extract_number
        where coalesce(stays.next_extract_number, 0) <> stays.extract_number + 1
    ),

    changes as (
        select * from upserts
        union all
        select * from deletions
    )
{%- endmacro %}

{#- Versions out of changes: one per key and instant, unchanged neighbours collapsed, half-open windows.
    changes: key columns, valid_at, is_deleted, attributes (one struct; null for a deletion) -#}
{% macro scd2_versions(changes, key, attributes) -%}
    {%- set key_columns = key | join(', ') -%}
    described_changes as (
        select
            {{ key_columns }},
            valid_at,
            is_deleted,
            attributes,
            {{ struct_hash('attributes') }} as content_hash
        from {{ changes }}
    ),

    last_of_instant as (
        select
            *,
            row_number() over (
                partition by {{ key_columns }}, valid_at
                order by is_deleted desc, content_hash desc
            ) as rank_in_instant
        from described_changes
    ),

    carried as (
        select
            {{ key_columns }},
            valid_at,
            is_deleted,
            last_value(attributes ignore nulls) over key_in_time as attributes,
            last_value(content_hash ignore nulls) over key_in_time as content_hash
        from last_of_instant
        where rank_in_instant = 1
        window key_in_time as (
            partition by {{ key_columns }} order by valid_at
            rows between unbounded preceding and current row
        )
    ),

    compared as (
        select
            *,
            lag(content_hash) over (partition by {{ key_columns }} order by valid_at) as previous_hash,
            lag(is_deleted) over (partition by {{ key_columns }} order by valid_at) as previous_is_deleted
        from carried
        where attributes is not null
    ),

    changed as (
        select * from compared
        where previous_hash is null
            or content_hash <> previous_hash
            or is_deleted <> previous_is_deleted
    ),

    versions as (
        select
            {{ key_columns }},
            {%- for attribute in attributes %}
            attributes.{{ attribute }} as {{ attribute }},
            {%- endfor %}
            valid_at as valid_from,
            coalesce(
                lead(valid_at) over (partition by {{ key_columns }} order by valid_at),
                timestamp '9999-12-31 00:00:00'
            ) as valid_to,
            lead(valid_at) over (partition by {{ key_columns }} order by valid_at) is null as is_current,
            is_deleted
        from changed
    )
{%- endmacro %}
