with business_dates as (
    {% for milestone in [
        'placed_at', 'paid_at', 'shipped_at', 'delivered_at', 'cancelled_at', 'promised_at'
    ] -%}
    select cast({{ milestone }} as date) as business_date from {{ ref('int_orders_unioned') }}
    union all
    {% endfor -%}
    select cast(paid_at as date) from {{ ref('int_payments_unioned') }}
    union all
    select cast(refunded_at as date) from {{ ref('int_refunds_unioned') }}
    union all
    select cast(survey_sent_at as date) from {{ ref('int_reviews_unioned') }}
    union all
    select cast(answered_at as date) from {{ ref('int_reviews_unioned') }}
    union all
    select spend_date from {{ ref('int_marketing_spend_unioned') }}
    union all
    select snapshot_date from {{ ref('int_stock_unioned') }}
),

covered_dates as (
    select
        coalesce(
            min(business_date),
            (select min(promotions.start_date) from {{ ref('promotions') }} as promotions)
        ) as first_date,
        coalesce(
            max(business_date),
            (select max(promotions.end_date) from {{ ref('promotions') }} as promotions)
        ) as last_date
    from business_dates
),

bounds as (
    select
        cast(date_trunc('year', first_date - interval 1 day) as date) as first_date,
        cast(
            date_trunc('year', last_date + interval {{ var('forecast_horizon_days') }} day)
            + interval 1 year - interval 1 day as date
        ) as last_date
    from covered_dates
),

spine as (
    {{ date_spine('(select first_date from bounds)', '(select last_date from bounds)') }}
),

holidays as (
    select
        holiday_date,
        {{ sorted_text('country_code') }} as holiday_country_codes
    from {{ ref('holidays') }}
    group by holiday_date
),

dates as (
    select
        spine.date_day,
        holidays.holiday_country_codes,
        extract(year from spine.date_day + interval {{ 13 - var('fiscal_year_start_month') }} month)
        - case when {{ var('fiscal_year_start_month') }} = 1 then 1 else 0 end as fiscal_year,
        (
            extract(month from spine.date_day) - {{ var('fiscal_year_start_month') }} + 12
        ) % 12 as fiscal_month_index
    from spine
    left join holidays
        on spine.date_day = holidays.holiday_date
),

calendar as (
    select
        {{ date_key('date_day') }} as date_key,
        date_day,
        cast(extract(year from date_day) as integer) as year_number,
        cast(extract(quarter from date_day) as integer) as quarter_number,
        cast(extract(month from date_day) as integer) as month_number,
        cast(extract(day from date_day) as integer) as day_of_month,
        cast(date_trunc('month', date_day) as date) as month_start_date,
        cast({{ iso_year('date_day') }} as integer) as iso_year,
        cast({{ iso_week('date_day') }} as integer) as iso_week,
        cast({{ iso_weekday('date_day') }} as integer) as iso_weekday,
        {{ iso_weekday('date_day') }} >= 6 as is_weekend,
        cast(fiscal_year as integer) as fiscal_year,
        cast(floor(fiscal_month_index / 3) + 1 as integer) as fiscal_quarter,
        cast(fiscal_month_index + 1 as integer) as fiscal_month,
        holiday_country_codes is not null as is_holiday,
        holiday_country_codes
    from dates
),

special_members as (
    select
        cast(special.member_key as integer) as date_key,
        null as date_day,
        null as year_number,
        null as quarter_number,
        null as month_number,
        null as day_of_month,
        null as month_start_date,
        null as iso_year,
        null as iso_week,
        null as iso_weekday,
        false as is_weekend,
        null as fiscal_year,
        null as fiscal_quarter,
        null as fiscal_month,
        false as is_holiday,
        null as holiday_country_codes
    from {{ special_members() }}
),

members as (
    select * from calendar
    union all
    select * from special_members
)

select * from members
