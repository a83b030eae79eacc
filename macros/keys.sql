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

{#- The surrogate key of a member that a fact names; -1 where it names none. -#}
{% macro member_key(columns) -%}
    case when {{ columns[-1] }} is null then '-1' else {{ surrogate_key(columns) }} end
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

{#- The date key of a milestone in the business zone. Where it has no time: -1, unknown, if it is
    due, else -2, not reached. -#}
{% macro milestone_key(timestamp, zone, is_due='false') -%}
    {{ date_key(
        "cast(" ~ to_local(timestamp, zone) ~ " as date)",
        missing="case when " ~ is_due ~ " then -1 else -2 end",
    ) }}
{%- endmacro %}

{#- The two members that every dimension has. -#}
{% macro special_members() -%}
    (values ('-1', 'Unknown'), ('-2', 'Not applicable')) as special (member_key, meaning)
{%- endmacro %}

{#- Minutes from UTC of an offset as +hh:mm, +hhmm or Z; NULL for anything else. -#}
{% macro offset_minutes(expression) -%}
    case
        when upper({{ expression }}) = 'Z' then 0
        when {{ matches(expression, '^[+-](0[0-9]|1[0-4]):?[0-5][0-9]$') }}
            then (case when {{ expression }} like '-%' then -1 else 1 end) * (
                60 * cast(substr({{ expression }}, 2, 2) as integer)
                + cast(right({{ expression }}, 2) as integer)
            )
    end
{%- endmacro %}
