{# A row is a version that is empty, inverted, overlaps or leaves a gap, or a key that does not
   start at the first instant or without exactly one current version: that which says so, or,
   where none does, has an open end. #}
{% test seamless_history(
    model, key, valid_from='valid_from', valid_to='valid_to', has_current=true
) %}
{%- set key_columns = key | join(', ') %}
{%- set is_last = 'is_current' if has_current else valid_to ~ ' = ' ~ open_end() %}
with versions as (
    select
        {{ key_columns }},
        {{ valid_from }} as valid_from,
        {{ valid_to }} as valid_to,
        lead({{ valid_from }}) over (
            partition by {{ key_columns }} order by {{ valid_from }}
        ) as next_valid_from,
        row_number() over (
            partition by {{ key_columns }} order by {{ valid_from }}
        ) as version_number,
        sum(case when {{ is_last }} then 1 else 0 end) over (
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
