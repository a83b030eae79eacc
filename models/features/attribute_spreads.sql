{% set group_key = ['source_system', 'subject', 'attribute', 'basis', 'basis_name'] %}

with known_values as (
    select * from {{ ref('attribute_values') }}
    where scaled_value is not null
),

based_values as (
    {%- for basis in ['group', 'context'] %}
    select
        source_system,
        subject,
        attribute,
        '{{ basis }}' as basis,
        {{ basis }}_name as basis_name,
        scaled_value
    from known_values
    where {{ basis }}_name is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

centres as (
    select
        {{ group_key | join(', ') }},
        count(*) as value_count,
        median(scaled_value) as centre,
        {{ quantile('scaled_value', 0.25) }} as lower_quartile,
        {{ quantile('scaled_value', 0.75) }} as upper_quartile
    from based_values
    group by {{ group_key | join(', ') }}
),

deviations as (
    select
        centres.*,
        abs(based_values.scaled_value - centres.centre) as deviation
    from based_values
    inner join centres
        on based_values.source_system = centres.source_system
        and based_values.subject = centres.subject
        and based_values.attribute = centres.attribute
        and based_values.basis = centres.basis
        and based_values.basis_name = centres.basis_name
),

-- Where half of the values are equal the median deviation is 0. The mean deviation would then call
-- far what one in five hold, the root of the mean square what one in thirteen. Rounded: a mean of
-- fractions depends on the order of rows in its last digits.
spreads as (
    select
        {{ group_key | join(', ') }},
        value_count,
        centre,
        lower_quartile,
        upper_quartile,
        case
            when round(median(deviation), 9) > 0 then round(median(deviation) / 0.6745, 9)
            else round(sqrt(avg(deviation * deviation)), 9)
        end as spread
    from deviations
    group by {{ group_key | join(', ') }}, value_count, centre, lower_quartile, upper_quartile
)

select * from spreads
