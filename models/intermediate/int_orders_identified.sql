with orders as (
    select * from {{ ref('int_orders_totalled') }}
),

-- Who only tried to pay need not be the buyer.
payments as (
    select * from {{ ref('int_payments_unioned') }}
    where is_captured
),

evidence as (
    select * from {{ ref('int_identity_evidence') }}
    where evidence_type in ('email', 'device')
),

identities as (
    select * from {{ ref('int_customer_identities') }}
    where is_current
),

-- A token names a person only where all accounts that hold it are one.
token_identities as (
    select
        evidence.source_system,
        evidence.evidence_type,
        evidence.evidence_hash,
        min(identities.identity_key) as identity_key
    from evidence
    inner join identities
        on evidence.source_system = identities.source_system
        and evidence.customer_id = identities.customer_id
    group by evidence.source_system, evidence.evidence_type, evidence.evidence_hash
    having min(identities.identity_key) = max(identities.identity_key)
),

order_tokens as (
    select
        source_system,
        order_id,
        'device' as evidence_type,
        device_hash as evidence_hash
    from orders
    where customer_id is null
    union
    select
        payments.source_system,
        payments.order_id,
        'email' as evidence_type,
        payments.payer_email_hash as evidence_hash
    from payments
    inner join orders
        on payments.source_system = orders.source_system
        and payments.order_id = orders.order_id
    where orders.customer_id is null
),

order_identities as (
    select
        order_tokens.source_system,
        order_tokens.order_id,
        order_tokens.evidence_type,
        min(tokens.identity_key) as identity_key
    from order_tokens
    inner join token_identities as tokens
        on order_tokens.source_system = tokens.source_system
        and order_tokens.evidence_type = tokens.evidence_type
        and order_tokens.evidence_hash = tokens.evidence_hash
    group by order_tokens.source_system, order_tokens.order_id, order_tokens.evidence_type
    having min(tokens.identity_key) = max(tokens.identity_key)
),

identified_orders as (
    select
        orders.source_system,
        orders.order_id,
        orders.is_valid_order,
        orders.placed_at,
        coalesce(
            identities.identity_key, by_email.identity_key, by_device.identity_key
        ) as identity_key,
        case
            when identities.identity_key is not null then 'account'
            when by_email.identity_key is not null then 'email'
            when by_device.identity_key is not null then 'device'
        end as identified_by
    from orders
    left join identities
        on orders.source_system = identities.source_system
        and orders.customer_id = identities.customer_id
    left join order_identities as by_email
        on orders.source_system = by_email.source_system
        and orders.order_id = by_email.order_id
        and by_email.evidence_type = 'email'
    left join order_identities as by_device
        on orders.source_system = by_device.source_system
        and orders.order_id = by_device.order_id
        and by_device.evidence_type = 'device'
),

numbered_orders as (
    select
        source_system,
        order_id,
        identity_key,
        identified_by,
        case
            when is_valid_order and identity_key is not null
                then row_number() over (
                    partition by source_system, identity_key, is_valid_order
                    order by placed_at, order_id
                )
        end as identity_order_number
    from identified_orders
)

select * from numbered_orders
