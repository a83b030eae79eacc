with versions as (
    select * from {{ ref('int_customer_versions') }}
),

orders as (
    select * from {{ ref('int_orders_unioned') }}
),

payments as (
    select * from {{ ref('int_payments_unioned') }}
),

exclusions as (
    select * from {{ ref('identity_exclusions') }}
),

sightings as (
    select
        source_system,
        customer_id,
        'email' as evidence_type,
        email_hash as evidence_hash,
        valid_from as seen_at
    from versions
    union all
    select
        source_system,
        customer_id,
        'phone' as evidence_type,
        phone_hash as evidence_hash,
        valid_from as seen_at
    from versions
    union all
    select
        source_system,
        customer_id,
        'device' as evidence_type,
        device_hash as evidence_hash,
        placed_at as seen_at
    from orders
    union all
    select
        payments.source_system,
        orders.customer_id,
        'device' as evidence_type,
        payments.device_hash as evidence_hash,
        coalesce(payments.paid_at, orders.placed_at) as seen_at
    from payments
    inner join orders
        on payments.source_system = orders.source_system
        and payments.order_id = orders.order_id
),

evidence as (
    select
        source_system,
        customer_id,
        evidence_type,
        evidence_hash,
        min(seen_at) as first_seen_at
    from sightings
    where evidence_hash is not null and customer_id is not null
    group by source_system, customer_id, evidence_type, evidence_hash
),

counted_evidence as (
    select
        *,
        count(*) over (partition by source_system, evidence_type, evidence_hash) as account_count
    from evidence
),

-- What a person decided to be no evidence links nobody, but a token that many hold stays one.
accepted_evidence as (
    select evidence.*
    from counted_evidence as evidence
    left join exclusions
        on evidence.source_system = exclusions.source_system
        and evidence.customer_id = exclusions.customer_id
        and evidence.evidence_type = exclusions.evidence_type
    where exclusions.customer_id is null
)

select * from accepted_evidence
