with fact_rows as (
    select
        source_system,
        'fact_sales' as fact,
        order_date as business_date,
        known_at,
        net_amount as amount,
        currency
    from {{ ref('fact_sales') }}
    union all
    select
        payments.source_system,
        'fact_payments' as fact,
        dates.date_day as business_date,
        payments.known_at,
        payments.amount,
        payments.currency
    from {{ ref('fact_payments') }} as payments
    inner join {{ ref('dim_date') }} as dates
        on payments.paid_date_key = dates.date_key
    where payments.is_captured
    union all
    select
        refunds.source_system,
        'fact_refunds' as fact,
        dates.date_day as business_date,
        refunds.known_at,
        refunds.net_amount as amount,
        refunds.currency
    from {{ ref('fact_refunds') }} as refunds
    inner join {{ ref('dim_date') }} as dates
        on refunds.refunded_date_key = dates.date_key
),

dated_rows as (
    select
        *,
        cast(date_trunc('month', business_date) as date) as month_start_date,
        {{ days_between(
            'business_date',
            'cast(' ~ to_local(
                'known_at', setting_of('source_system', 'time_zone', 'UTC')
            ) ~ ' as date)',
        ) }} as days_to_known,
        min(known_at) over (partition by source_system) as first_known_at
    from fact_rows
),

-- What the first extract brought had never been reported.
late_rows as (
    select * from dated_rows
    where days_to_known > {{ var('settlement_days') }} and known_at > first_known_at
),

restatements as (
    select
        source_system,
        fact,
        month_start_date,
        currency,
        count(*) as row_count,
        sum(amount) as amount,
        max(known_at) as last_known_at
    from late_rows
    group by source_system, fact, month_start_date, currency
)

select * from restatements
