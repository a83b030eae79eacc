{#- The rows of a judged table that staging refused, with lineage, reasons and masked content. -#}
{% macro quarantined_rows(judged_relation) -%}
    select
        _load_id as load_id,
        _row_number as row_number,
        _extracted_at as extracted_at,
        _reasons as reasons,
        _raw_content as raw_content
    from {{ judged_relation }}
    where _status = 'quarantined'
{%- endmacro %}
