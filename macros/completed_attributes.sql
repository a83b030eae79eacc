{#- The set `completions`: a row for each subject of a kind with an imputed value or an outlier, and
    of each attribute what was imputed, by which method, and what is told of its outliers. -#}
{% macro completed_attributes(subject, attributes) -%}
imputed_values as (
    select * from {{ source('scores', 'attribute_imputation') }}
    where subject = '{{ subject }}'
),

judged_values as (
    select * from {{ ref('attribute_outliers') }}
    where subject = '{{ subject }}'
),

told_values as (
    select
        source_system,
        subject_id,
        attribute,
        imputed_value,
        served_by as imputed_by,
        cast(null as boolean) as is_outlier,
        cast(null as varchar) as outlier_reasons
    from imputed_values
    union all
    select
        source_system,
        subject_id,
        attribute,
        null as imputed_value,
        null as imputed_by,
        is_outlier,
        outlier_reasons
    from judged_values
),

completions as (
    select
        source_system,
        subject_id
        {%- for attribute in attributes %}
        {%- for name in ['imputed_value', 'imputed_by', 'outlier_reasons'] %},
        max(case when attribute = '{{ attribute }}' then {{ name }} end) as {{ attribute }}_{{ name }}
        {%- endfor %},
        bool_or(case when attribute = '{{ attribute }}' then is_outlier end)
            as {{ attribute }}_is_outlier
        {%- endfor %}
    from told_values
    group by source_system, subject_id
)
{%- endmacro %}

{#- Of each attribute the value as it is, completed, whether and by what, and its outlier flag. A
    value that came after the imputation stands; an outlier is of the value as it is. -#}
{% macro completed_columns(relation, attributes) -%}
{% for attribute in attributes -%}
{% set raw = relation ~ '.' ~ attribute -%}
{% set imputed = 'completions.' ~ attribute ~ '_imputed_value' -%}
{{ raw }},
        coalesce({{ raw }}, {{ imputed }}) as {{ attribute }}_completed,
        {{ raw }} is null and {{ imputed }} is not null as {{ attribute }}_is_imputed,
        case when {{ raw }} is null then completions.{{ attribute }}_imputed_by end
            as {{ attribute }}_imputed_by,
        completions.{{ attribute }}_is_outlier,
        completions.{{ attribute }}_outlier_reasons
        {%- if not loop.last %},
        {% endif -%}
{% endfor %}
{%- endmacro %}
