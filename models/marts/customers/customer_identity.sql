with identities as (
    select * from {{ ref('int_customer_identities') }}
),

bridge as (
    select
        source_system,
        customer_id,
        identity_key,
        identity_id,
        valid_from,
        valid_to,
        is_current,
        split_part(evidence, ':', 1) as evidence_type,
        nullif(split_part(evidence, ':', 2), '') as evidence_hash
    from identities
)

select * from bridge
