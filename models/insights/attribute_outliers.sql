{% set least, fence = var('outlier_least_rows'), var('outlier_fence') %}

with known_values as (
    select * from {{ ref('attribute_values') }}
),

spreads as (
    select
        *,
        upper_quartile - lower_quartile as quartile_range
    from {{ ref('attribute_spreads') }}
),

-- Equal values have no spread and no distance.
measured_values as (
    select
        known_values.*,
        {%- for basis in ['group', 'context'] %}
        coalesce(in_{{ basis }}.value_count, 0) as {{ basis }}_value_count,
        case
            when in_{{ basis }}.value_count < {{ least }} then null
            when in_{{ basis }}.spread = 0 then 0 * known_values.scaled_value
            else round(
                (known_values.scaled_value - in_{{ basis }}.centre) / in_{{ basis }}.spread, 6
            )
        end as {{ basis }}_z,
        {%- endfor %}
        case
            when in_group.value_count < {{ least }} or in_group.quartile_range = 0 then null
            else
                known_values.scaled_value
                < in_group.lower_quartile - {{ fence }} * in_group.quartile_range
                or known_values.scaled_value
                > in_group.upper_quartile + {{ fence }} * in_group.quartile_range
        end as is_beyond_fence
    from known_values
    left join spreads as in_group
        on in_group.basis = 'group'
        and known_values.source_system = in_group.source_system
        and known_values.subject = in_group.subject
        and known_values.attribute = in_group.attribute
        and known_values.group_name = in_group.basis_name
    left join spreads as in_context
        on in_context.basis = 'context'
        and known_values.source_system = in_context.source_system
        and known_values.subject = in_context.subject
        and known_values.attribute = in_context.attribute
        and known_values.context_name = in_context.basis_name
),

judged_values as (
    select
        *,
        scaled_value is null as is_negative,
        abs(group_z) > {{ var('outlier_z') }} as is_far_from_group,
        abs(context_z) > {{ var('outlier_z') }} as is_far_from_context
    from measured_values
),

flagged_values as (
    select
        source_system,
        subject,
        subject_id,
        attribute,
        attribute_value,
        group_name,
        group_value_count,
        group_z,
        is_far_from_group,
        is_beyond_fence,
        context_name,
        context_value_count,
        context_z,
        is_far_from_context,
        case
            when is_negative or is_far_from_group or is_beyond_fence or is_far_from_context
                then true
            when coalesce(is_far_from_group, is_far_from_context) is not null then false
        end as is_outlier,
        nullif(concat_ws(
            ', ',
            case when is_negative then 'negative' end,
            case when is_far_from_group then 'far_from_group' end,
            case when is_beyond_fence then 'beyond_fence' end,
            case when is_far_from_context then 'far_from_context' end
        ), '') as outlier_reasons,
        nullif(concat_ws(
            ', ',
            {%- for basis in ['group', 'context'] %}
            case
                when {{ basis }}_name is null then 'no_{{ basis }}'
                when {{ basis }}_value_count < {{ least }} then 'small_{{ basis }}'
            end{{ ',' if not loop.last }}
            {%- endfor %}
        ), '') as unjudged_reasons
    from judged_values
)

select * from flagged_values
