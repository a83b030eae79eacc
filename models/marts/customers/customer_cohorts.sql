with orders as (
    select * from {{ ref('fact_orders') }}
    where is_valid_order and identity_key <> '-1'
),

movements as (
    select * from {{ ref('margin_movements') }}
    where is_valid_order
),

months as (
    select * from {{ ref('int_order_months_spanned') }}
),

cohort_members as (
    select
        source_system,
        identity_key,
        cast(date_trunc('month', order_date) as date) as cohort_month_date
    from orders
    where is_first_order
),

cohorts as (
    select
        source_system,
        cohort_month_date,
        count(*) as customer_count
    from cohort_members
    group by source_system, cohort_month_date
),

active_months as (
    select
        members.source_system,
        members.cohort_month_date,
        months.month_start_date,
        count(distinct orders.identity_key) as active_customer_count,
        count(*) as order_count
    from orders
    inner join cohort_members as members
        on orders.source_system = members.source_system
        and orders.identity_key = members.identity_key
    inner join months
        on orders.source_system = months.source_system
        and orders.order_date >= months.month_start_date
        and orders.order_date <= months.as_of_date
    group by members.source_system, members.cohort_month_date, months.month_start_date
),

-- A refund counts in the month it was made, but not before the source has come to that day.
money_months as (
    select
        members.source_system,
        members.cohort_month_date,
        months.month_start_date,
        sum(movements.net_revenue_amount) as net_revenue_amount,
        sum(movements.contribution_margin_2_amount) as contribution_margin_2_amount,
        max(case when movements.net_revenue_amount is null then 1 else 0 end) = 1
            as has_missing_rate,
        max(case when movements.is_margin_missing then 1 else 0 end) = 1 as has_missing_margin
    from movements
    inner join orders
        on movements.source_system = orders.source_system
        and movements.order_id = orders.order_id
    inner join cohort_members as members
        on orders.source_system = members.source_system
        and orders.identity_key = members.identity_key
    inner join months
        on movements.source_system = months.source_system
        and movements.activity_date >= months.month_start_date
        and movements.activity_date <= months.as_of_date
    group by members.source_system, members.cohort_month_date, months.month_start_date
),

cohort_months as (
    select
        cohorts.source_system,
        cohorts.cohort_month_date,
        months.month_start_date,
        cast(
            row_number() over (
                partition by cohorts.source_system, cohorts.cohort_month_date
                order by months.month_start_date
            ) - 1 as integer
        ) as months_since_first,
        cohorts.customer_count,
        coalesce(active.active_customer_count, 0) as active_customer_count,
        coalesce(active.active_customer_count, 0) / cast(cohorts.customer_count as double)
            as retention_share,
        coalesce(active.order_count, 0) as order_count,
        months.reporting_currency as currency,
        {%- for amount in ['net_revenue_amount', 'contribution_margin_2_amount'] %}
        cast(
            case when amounts.source_system is null then 0 else amounts.{{ amount }} end
            as decimal(18, 2)
        ) as {{ amount }},
        {%- endfor %}
        coalesce(amounts.has_missing_rate, false) as has_missing_rate,
        coalesce(amounts.has_missing_margin, false) as has_missing_margin
    from cohorts
    inner join months
        on cohorts.source_system = months.source_system
        and cohorts.cohort_month_date <= months.month_start_date
    left join active_months as active
        on cohorts.source_system = active.source_system
        and cohorts.cohort_month_date = active.cohort_month_date
        and months.month_start_date = active.month_start_date
    left join money_months as amounts
        on cohorts.source_system = amounts.source_system
        and cohorts.cohort_month_date = amounts.cohort_month_date
        and months.month_start_date = amounts.month_start_date
)

select * from cohort_months
