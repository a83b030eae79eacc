{{ config(materialized='view') }}

with lines as (
    select * from {{ ref('int_order_lines_first_known') }}
),

products as (
    select * from {{ ref('int_products_first_known') }}
),

promotions as (
    select * from {{ ref('promotions') }}
),

holidays as (
    select * from {{ ref('holidays') }}
),

source_periods as (
    select
        source_system,
        min(order_date) as first_date,
        max(order_date) as as_of_date,
        cast(max(order_date) + interval {{ var('demand_horizon_days') }} day as date) as last_date,
        case
            when
                sum(quantity) < {{ var('slow_daily_units') }} * count(distinct product_id)
                * ({{ days_between('min(order_date)', 'max(order_date)') }} + 1)
                then 7
            else 1
        end as period_days
    from lines
    group by source_system
),

spine as (
    {{ date_spine(
        '(select min(first_date) from source_periods)', '(select max(last_date) from source_periods)'
    ) }}
),

source_categories as (
    select distinct
        source_system,
        category
    from products
),

category_days as (
    select
        categories.source_system,
        categories.category,
        spine.date_day as business_date,
        periods.period_days,
        {{ period_start('spine.date_day', 'periods.period_days') }} as period_start_date,
        spine.date_day > periods.as_of_date as is_future,
        {{ reported_at('spine.date_day', 'categories.source_system') }} as reported_at,
        {{ setting_of('categories.source_system', 'country_code', '') }} as country_code,
        {{ setting_of('categories.source_system', 'promotion_calendar', 'none') }} = 'promotions'
            as has_promotions
    from source_categories as categories
    inner join source_periods as periods
        on categories.source_system = periods.source_system
    inner join spine
        on periods.first_date <= spine.date_day
        and periods.last_date >= spine.date_day
),

-- Of several promotions the strongest counts.
planned_days as (
    select
        days.source_system,
        days.category,
        days.business_date,
        days.period_days,
        days.period_start_date,
        days.is_future,
        days.reported_at,
        max(case when holidays.holiday_date is not null then 1 else 0 end) = 1 as is_holiday,
        coalesce(max(promotions.discount_share), 0) as planned_discount_share
    from category_days as days
    left join holidays
        on days.business_date = holidays.holiday_date
        and days.country_code = holidays.country_code
    left join promotions
        on days.has_promotions
        and days.business_date >= promotions.start_date
        and days.business_date < promotions.end_date
        and coalesce(lower(promotions.category), days.category) = days.category
    group by
        days.source_system,
        days.category,
        days.business_date,
        days.period_days,
        days.period_start_date,
        days.is_future,
        days.reported_at
),

-- A week is future until it is over, and known when its last day is.
planned_periods as (
    select
        source_system,
        category,
        period_start_date as business_date,
        period_days,
        max(case when is_future then 1 else 0 end) = 1 as is_future,
        max(reported_at) as reported_at,
        max(case when is_holiday then 1 else 0 end) = 1 as is_holiday,
        cast(avg(planned_discount_share) as decimal(6, 4)) as planned_discount_share
    from planned_days
    group by source_system, category, period_start_date, period_days
)

select * from planned_periods
