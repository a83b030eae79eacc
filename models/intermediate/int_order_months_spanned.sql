with periods as (
    select * from {{ ref('int_order_periods_found') }}
),

spine as (
    {{ date_spine(
        '(select min(first_order_date) from periods)', '(select max(as_of_date) from periods)'
    ) }}
),

-- The last month ends with the last business date, not in the future.
months as (
    select distinct
        periods.source_system,
        cast(date_trunc('month', spine.date_day) as date) as month_start_date,
        least(
            cast(date_trunc('month', spine.date_day) + interval 1 month - interval 1 day as date),
            periods.as_of_date
        ) as as_of_date,
        periods.reporting_currency
    from periods
    inner join spine
        on periods.first_order_date <= spine.date_day
        and periods.as_of_date >= spine.date_day
)

select * from months
