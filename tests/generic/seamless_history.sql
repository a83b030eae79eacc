{# A row is a version that is empty, inverted, overlaps or leaves a gap, or a key without exactly
   one current version. #}
{% test seamless_history(model, key) %}
{%- set key_columns = key | join(', ') %}
with versions as (
    select
        {{ key_columns }},
        valid_from,
        valid_to,
        lead(valid_from) over (partition by {{ key_columns }} order by valid_from) as next_valid_from,
        row_number() over (partition by {{ key_columns }} order by valid_from) as version_number,
        sum(case when is_current then 1 else 0 end) over (
            partition by {{ key_columns }}
        ) as current_versions
    from {{ model }}
)

select
    {{ key_columns }},
    valid_from,
    valid_to
from versions
where
    valid_to <= valid_from
    or coalesce(next_valid_from, {{ open_end() }}) <> valid_to
    or current_versions <> 1
    or (version_number = 1 and valid_from <> {{ first_instant() }})
{% endtest %}
