with payments as (
    select * from {{ ref('ml_anomaly_detection') }}
),

features as (
    select * from {{ ref('payment_features') }}
),

as_of_dates as (
    select
        source_system,
        max(payment_date) as as_of_date
    from payments
    group by source_system
),

-- What is charged back already needs no review.
open_payments as (
    select
        payments.*,
        as_of_dates.as_of_date,
        row_number() over (
            partition by payments.source_system
            order by payments.review_score desc, payments.payment_id asc
        ) as review_rank,
        count(*) over (partition by payments.source_system) as open_count
    from payments
    inner join as_of_dates
        on payments.source_system = as_of_dates.source_system
        and payments.payment_date > as_of_dates.as_of_date - interval {{ var('review_days') }} day
    inner join features
        on payments.source_system = features.source_system
        and payments.payment_id = features.payment_id
    where
        payments.is_scored
        and features.is_captured
        and not features.is_charged_back
),

queued_payments as (
    select
        source_system,
        as_of_date,
        cast(review_rank as integer) as review_rank,
        payment_id,
        order_id,
        payment_date,
        payment_method_id,
        currency,
        amount,
        review_score,
        risk_level,
        reason_codes,
        served_by
    from open_payments
    where review_rank <= greatest(1, floor(open_count * {{ var('review_budget_share') }}))
)

select * from queued_payments
