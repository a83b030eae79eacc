{#- A surrogate key: 32 hex digits, the same on every rebuild. NULL and '' give different keys. -#}
{% macro surrogate_key(columns) -%}
    md5(concat_ws('|'
        {%- for column in columns -%}
        , coalesce(
            cast(length(cast({{ column }} as varchar)) as varchar)
            || ':' || cast({{ column }} as varchar),
            'null'
        )
        {%- endfor -%}
    ))
{%- endmacro %}

{#- A date as the integer yyyymmdd; -1 where it is unknown. -#}
{% macro date_key(expression, missing=-1) -%}
    coalesce(
        cast(
            extract(year from {{ expression }}) * 10000
            + extract(month from {{ expression }}) * 100
            + extract(day from {{ expression }}) as integer
        ),
        {{ missing }}
    )
{%- endmacro %}

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

{#- The key of a place in dim_geography out of the four columns that name it; -1 where the country
    is unknown. -#}
{% macro geography_key(prefix='') -%}
    case
        when {{ prefix }}country_code is null then '-1'
        else {{ surrogate_key([
            prefix ~ 'country_code', prefix ~ 'state', prefix ~ 'city', prefix ~ 'postal_code'
        ]) }}
    end
{%- endmacro %}

{#- A moment that every current version covers: for facts whose own time is unknown. -#}
{% macro end_of_time() -%}
    timestamp '9999-12-30 00:00:00'
{%- endmacro %}

{#- The date key of a milestone in the business zone: -2 while it has not been reached. -#}
{% macro milestone_key(timestamp, zone) -%}
    {{ date_key("cast(" ~ to_local(timestamp, zone) ~ " as date)", missing=-2) }}
{%- endmacro %}

{#- The rate between two currencies: 1 within one, null where a currency (XXX) or the stored rate
    is unknown. -#}
{% macro effective_rate(currency, reporting_currency, stored_rate) -%}
    cast(
        case
            when {{ currency }} = 'XXX' then null
            when {{ currency }} = {{ reporting_currency }} then 1
            else {{ stored_rate }}
        end as decimal(18, 6)
    )
{%- endmacro %}
