{#- SCD2 history as a pure function of all landed states (definitions: models/overview.md, "Keys
    and versioning"). -#}

{#- Changes out of full extracts: a key that is absent was deleted, one that is back has returned.
    states:     one accepted row per key and extract, with updated_at and the attribute columns
    presence:   every landed row, refused ones too: a refused row is no deletion
    extracts:   extracted_at and is_complete of every extract of the entity, empty ones too; one with
                lines that could not be read does not tell what is absent
    loads:      load_id and column_mapping of every load. A column that a file lacks says nothing:
                its attributes stay as they were, before its first delivery as they are then
    attributes: per column of the contract the attributes that are made of it -#}
{% macro full_extract_changes(states, presence, extracts, loads, key, attributes) -%}
    delivered_states as (
        select
            states.*,
            {%- for column in attributes %}
            coalesce(loads.column_mapping like '%: "{{ column }}"%', true) as _delivers_{{ column }}
            {{- "," if not loop.last }}
            {%- endfor %}
        from {{ states }} as states
        left join {{ loads }} as loads
            on states._load_id = loads.load_id
    ),

    carried_states as (
        select
            {{ key }},
            _extracted_at,
            updated_at,
            {%- for column, columns in attributes.items() %}
            coalesce(
                last_value(case when _delivers_{{ column }} then {{ struct_of(columns) }} end ignore nulls)
                    over key_until_now,
                first_value(case when _delivers_{{ column }} then {{ struct_of(columns) }} end ignore nulls)
                    over key_from_now
            ) as of_{{ column }}{{ "," if not loop.last }}
            {%- endfor %}
        from delivered_states
        window
            key_until_now as (
                partition by {{ key }} order by _extracted_at
                rows between unbounded preceding and current row
            ),
            key_from_now as (
                partition by {{ key }} order by _extracted_at
                rows between current row and unbounded following
            )
    ),

    filled_states as (
        select
            {{ key }},
            _extracted_at,
            updated_at
            {%- for column, columns in attributes.items() %}
            {%- for name in columns %},
            of_{{ column }}.{{ name }} as {{ name }}
            {%- endfor %}
            {%- endfor %}
        from carried_states
    ),

    numbered_extracts as (
        select
            extracted_at,
            is_complete,
            row_number() over (order by extracted_at) as extract_number,
            sum(case when is_complete then 1 else 0 end) over (
                order by extracted_at rows between unbounded preceding and current row
            ) as complete_number
        from {{ extracts }}
    ),

    first_states as (
        select
            {{ key }},
            min(_extracted_at) as first_extracted_at
        from {{ states }}
        group by {{ key }}
    ),

    -- What was refused before anything was accepted says nothing.
    present_keys as (
        select distinct
            presence.{{ key }},
            presence._extracted_at
        from {{ presence }} as presence
        inner join first_states
            on presence.{{ key }} = first_states.{{ key }}
            and presence._extracted_at >= first_states.first_extracted_at
    ),

    numbered_sightings as (
        select
            present_keys.{{ key }},
            numbered_extracts.extract_number,
            numbered_extracts.extracted_at,
            numbered_extracts.complete_number,
            numbered_extracts.complete_number
            - case when numbered_extracts.is_complete then 1 else 0 end as complete_before
        from present_keys
        inner join numbered_extracts
            on present_keys._extracted_at = numbered_extracts.extracted_at
    ),

    sightings as (
        select
            *,
            coalesce(
                lag(complete_number) over key_in_time < complete_before, false
            ) as is_return,
            lead(complete_before) over key_in_time as next_complete_before
        from numbered_sightings
        window key_in_time as (partition by {{ key }} order by extract_number)
    ),

    stays as (
        select
            *,
            max(case when is_return then extracted_at end) over (
                partition by {{ key }} order by extract_number
                rows between unbounded preceding and current row
            ) as returned_at
        from sightings
    ),

    seen_states as (
        select
            stays.{{ key }},
            stays.extract_number,
            stays.extracted_at,
            stays.returned_at,
            least(coalesce(states.updated_at, stays.extracted_at), stays.extracted_at) as stated_at,
            {{ struct_of(attributes.values() | sum(start=[])) }} as attributes
        from stays
        inner join filled_states as states
            on stays.{{ key }} = states.{{ key }}
            and stays.extracted_at = states._extracted_at
    ),

    compared_states as (
        select
            *,
            row_number() over key_in_time = 1 as is_first,
            coalesce(lag(returned_at) over key_in_time, {{ first_instant() }})
            < returned_at as is_return,
            {{ struct_hash('attributes') }}
            <> lag({{ struct_hash('attributes') }}) over key_in_time as is_changed,
            lag(extracted_at) over key_in_time as previous_extracted_at,
            max(stated_at) over (
                partition by {{ key }} order by extract_number
                rows between unbounded preceding and 1 preceding
            ) as latest_stated_at
        from seen_states
        window key_in_time as (partition by {{ key }} order by extract_number)
    ),

    -- A change is dated by its own updated_at only where that leads on from all that was known
    -- before; else (restored backups, clocks, returns) by the extract that brought it.
    dated_states as (
        select
            *,
            coalesce(
                max(case
                    when is_return or (is_changed and stated_at <= latest_stated_at) then 1
                end) over (
                    partition by {{ key }} order by extract_number
                    rows between unbounded preceding and 1 preceding
                ), 0
            ) = 1 as follows_a_break
        from compared_states
    ),

    upserts as (
        select
            {{ key }},
            case
                when is_first then stated_at
                when is_return and (extracted_at = returned_at or stated_at <= returned_at)
                    then returned_at
                when stated_at <= latest_stated_at then extracted_at
                when follows_a_break and stated_at <= previous_extracted_at then extracted_at
                else stated_at
            end as valid_at,
            false as is_deleted,
            attributes
        from dated_states
        where is_first or is_return or is_changed
    ),

    -- A key that is back in a row nobody accepted lives on with what was known of it.
    revivals as (
        select
            {{ key }},
            extracted_at as valid_at,
            false as is_deleted,
            null as attributes
        from stays
        where is_return
    ),

    deletions as (
        select
            stays.{{ key }},
            numbered_extracts.extracted_at as valid_at,
            true as is_deleted,
            null as attributes
        from stays
        inner join numbered_extracts
            on stays.complete_number + 1 = numbered_extracts.complete_number
            and numbered_extracts.is_complete
        where coalesce(stays.next_complete_before, stays.complete_number + 1) > stays.complete_number
    ),

    changes as (
        select * from upserts
        union all
        select * from revivals
        union all
        select * from deletions
    )
{%- endmacro %}

{#- Versions out of changes: one per key and instant, unchanged neighbours collapsed, half-open
    windows.
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
            lag(content_hash) over (
                partition by {{ key_columns }} order by valid_at
            ) as previous_hash,
            lag(is_deleted) over (
                partition by {{ key_columns }} order by valid_at
            ) as previous_is_deleted
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
                {{ open_end() }}
            ) as valid_to,
            lead(valid_at) over (
                partition by {{ key_columns }} order by valid_at
            ) is null as is_current,
            is_deleted
        from changed
    )
{%- endmacro %}
