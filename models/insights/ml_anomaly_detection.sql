with payments as (
    select * from {{ ref('payment_features') }}
),

scores as (
    select * from {{ source('scores', 'payment_anomaly') }}
),

scored_payments as (
    select
        payments.source_system,
        payments.payment_id,
        payments.order_id,
        payments.payment_date,
        payments.payment_method_id,
        payments.payment_status,
        payments.currency,
        payments.amount,
        scores.payment_id is not null as is_scored,
        scores.z_score,
        scores.z_baseline,
        scores.z_baseline_size,
        scores.z_reason,
        coalesce(scores.fired_rules, '') as fired_rules,
        coalesce(scores.points, 0) as points,
        coalesce(scores.rule_level, 'NOT_SCORED') as rule_level,
        scores.chargeback_probability,
        coalesce(scores.risk_level, 'NOT_SCORED') as risk_level,
        coalesce(scores.reason_codes, '') as reason_codes,
        scores.review_score,
        coalesce(scores.served_by, 'nobody') as served_by,
        coalesce(scores.is_in_sample, false) as is_in_sample
    from payments
    left join scores
        on payments.source_system = scores.source_system
        and payments.payment_id = scores.payment_id
)

select * from scored_payments
