{#- The latest row of each key in a staging relation; ties by operation and content, never by
    load. -#}
{% macro latest_rows(relation, key, has_operations=true) -%}
    select * from (
        select
            *,
            row_number() over (
                partition by {{ key | join(', ') }}
                order by
                    {% if has_operations -%}
                    updated_at desc,
                    case op when 'I' then 0 when 'U' then 1 else 2 end desc,
                    {% else -%}
                    _extracted_at desc nulls last,
                    {% endif -%}
                    _content_hash desc
            ) as recency
        from {{ relation }}
    ) as ranked
    where recency = 1
{%- endmacro %}
