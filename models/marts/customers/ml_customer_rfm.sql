with customers as (
    select * from {{ ref('dim_customer_current') }}
    where customer_key not in ('-1', '-2')
),

monthly_scores as (
    select * from {{ ref('customer_rfm_monthly') }}
),

periods as (
    select * from {{ ref('int_order_periods_found') }}
),

scores as (
    select
        customers.source_system,
        customers.customer_id,
        periods.as_of_date,
        buyers.recency_days,
        coalesce(buyers.frequency, 0) as frequency,
        cast(
            case when buyers.customer_id is null then 0 else buyers.monetary_amount end
            as decimal(18, 2)
        ) as monetary_amount,
        periods.reporting_currency as currency,
        coalesce(buyers.has_missing_rate, false) as has_missing_rate,
        buyers.recency_score,
        buyers.frequency_score,
        buyers.monetary_score,
        coalesce(buyers.frequency_rule, 'not_scored') as frequency_rule,
        coalesce(buyers.segment, 'Prospect') as segment,
        coalesce(buyers.segment_group, 'Prospect') as segment_group
    from customers
    left join periods
        on customers.source_system = periods.source_system
    left join monthly_scores as buyers
        on customers.source_system = buyers.source_system
        and customers.customer_id = buyers.customer_id
        and periods.as_of_date = buyers.as_of_date
)

select * from scores
