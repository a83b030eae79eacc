{#- Deletions found by a snapshot carry the time of the latest full extract, never the clock of the
    machine. -#}
{% macro duckdb__snapshot_get_time() -%}
    (
        select coalesce(max(extracted_at), {{ first_instant() }})
        from {{ ref('stg_landing__loads') }}
        where load_kind = 'full'
    )
{%- endmacro %}

{#- After a snapshot: where it differs from the history of all landed loads (first build, several
    new versions of a key, loads out of order), its table is replaced by that history in dbt's own
    columns. `loads` is not used: naming it there is how dbt learns that the snapshot reads it, in
    duckdb__snapshot_get_time. -#}
{% macro restore_history(versions, loads, key) -%}
    {%- if execute -%}
        {%- set columns = adapter.get_columns_in_relation(versions) | map(attribute='name')
            | reject('in', ['valid_from', 'valid_to', 'is_current', 'is_deleted']) | list -%}
        {%- set shared = (columns + ['dbt_valid_from', 'dbt_valid_to', 'dbt_is_deleted']) | join(', ') -%}
        {%- set history -%}
            select
                {{ columns | join(', ') }},
                valid_from,
                {{ snapshot_hash_arguments(key + ['valid_from']) }} as dbt_scd_id,
                valid_from as dbt_updated_at,
                valid_from as dbt_valid_from,
                valid_to as dbt_valid_to,
                case when is_deleted then 'True' else 'False' end as dbt_is_deleted
            from {{ versions }}
        {%- endset -%}
        {%- set difference -%}
            select count(*) from (
                (
                    select {{ shared }} from {{ this }}
                    except all
                    select {{ shared }} from ({{ history }}) as history
                )
                union all
                (
                    select {{ shared }} from ({{ history }}) as history
                    except all
                    select {{ shared }} from {{ this }}
                )
            ) as differing_rows
        {%- endset -%}
        {%- if run_query(difference).columns[0].values()[0] > 0 -%}
            create or replace table {{ this }} as {{ history }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
