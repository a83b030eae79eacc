{#- The row by which each key of a staging relation was first known; ties by operation and content,
    never by load. -#}
{% macro first_known_rows(relation, key, has_operations=true) -%}
    select * from (
        select
            *,
            row_number() over (
                partition by {{ key | join(', ') }}
                order by
                    available_at nulls last,
                    {% if has_operations -%}
                    updated_at,
                    case op when 'I' then 0 when 'U' then 1 else 2 end,
                    {% endif -%}
                    _content_hash
            ) as known_rank
        from {{ relation }}
    ) as ranked
    where known_rank = 1
{%- endmacro %}
