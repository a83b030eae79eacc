{#- Splits an amount of a whole over its parts by largest remainder, so that the cents add up: every
    part gets its share rounded down, and the cents left over go one each to the largest remainders,
    ties to the first part. Parts without any weight share alike; a NULL amount stays NULL.
    rows:  one row per part, with the amount of the whole (>= 0) and the weight of the part (>= 0)
    whole: the columns that name the whole
    part:  the columns that name the part within the whole
    gives: the CTE `name` with the columns of whole and part and `part_amount` -#}
{% macro largest_remainder(name, rows, whole, part, amount, weight) -%}
    {%- set whole_columns = whole | join(', ') -%}
    {%- set columns = (whole + part) | join(', ') -%}
    {{ name }}_weighed as (
        select
            {{ columns }},
            cast({{ amount }} * 100 as decimal(38, 0)) as cents,
            cast(
                case
                    when sum({{ weight }}) over (partition by {{ whole_columns }}) > 0
                        then {{ weight }} * 100
                    else 1
                end as decimal(38, 0)
            ) as part_weight
        from {{ rows }}
    ),

    {{ name }}_totalled as (
        select
            *,
            cast(
                sum(part_weight) over (partition by {{ whole_columns }}) as decimal(38, 0)
            ) as whole_weight
        from {{ name }}_weighed
    ),

    {{ name }}_divided as (
        select
            {{ columns }},
            cents,
            cents * part_weight % whole_weight as remainder,
            cast(
                round((cents * part_weight - cents * part_weight % whole_weight) / whole_weight)
                as decimal(18, 0)
            ) as floored_cents
        from {{ name }}_totalled
    ),

    {{ name }}_ranked as (
        select
            *,
            cents - sum(floored_cents) over (partition by {{ whole_columns }}) as cents_left,
            row_number() over (
                partition by {{ whole_columns }} order by remainder desc, {{ part | join(', ') }}
            ) as remainder_rank
        from {{ name }}_divided
    ),

    {{ name }} as (
        select
            {{ columns }},
            cast(
                (floored_cents + case when remainder_rank <= cents_left then 1 else 0 end) / 100.0
                as decimal(18, 2)
            ) as part_amount
        from {{ name }}_ranked
    )
{%- endmacro %}
