{{ config(**daily_feature('change_date')) }}

with days as (
    select * from {{ ref('price_days') }}
),

-- Products whose price stood still and whose margin is known: one without a cost would count as
-- one whose margin did not move.
still_days as (
    select * from days
    where is_measured and daily_margin_change is not null and change_count_around = 0
),

-- What products of the category did meanwhile; summed as decimals, so that no order of rows
-- changes a digit.
controls as (
    select
        source_system,
        category,
        currency,
        business_date,
        count(*) as control_count,
        cast(sum(cast(daily_margin_change as decimal(18, 6))) as double) / count(*)
            as control_daily_margin_change
    from still_days
    group by source_system, category, currency, business_date
),

followed_days as (
    select
        *,
        lag(price_from_date) over (
            partition by source_system, product_id order by business_date
        ) as previous_change_date
    from days
),

changes as (
    select * from followed_days
    where price_before is not null
),

compared_changes as (
    select
        changes.*,
        cast(coalesce(controls.control_count, 0) as integer) as control_count,
        controls.control_daily_margin_change,
        case
            when changes.cost_amount is null then 'no_cost'
            when changes.days_after < {{ var('price_window_days') }} then 'not_over_yet'
            when changes.change_count_around > 1 then 'overlaps_another_change'
            when not changes.is_measured then 'too_few_days_in_stock'
            when changes.daily_margin_change is null then 'no_cost'
            when coalesce(controls.control_count, 0) < {{ var('price_least_controls') }}
                then 'too_few_controls'
        end as unusable_reason
    from changes
    left join controls
        on changes.source_system = controls.source_system
        and changes.category = controls.category
        and changes.currency = controls.currency
        and changes.business_date = controls.business_date
),

episodes as (
    select
        source_system,
        product_id,
        business_date as change_date,
        category,
        currency,
        price_before,
        price as price_after,
        (price - price_before) / cast(price_before as double) as change_share,
        cost_amount,
        {{ days_between('previous_change_date', 'business_date') }} as days_since_change,
        planned_discount_share,
        usual_daily_units,
        recent_sales_ratio,
        in_stock_days_before,
        units_before,
        daily_margin_before,
        in_stock_days_after,
        daily_margin_change,
        control_count,
        control_daily_margin_change,
        unusable_reason,
        case
            when unusable_reason is null then daily_margin_change > control_daily_margin_change
        end as is_success,
        available_at
    from compared_changes
)

select * from episodes
where {{ is_wanted_day('change_date') }}
