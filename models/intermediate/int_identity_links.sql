{# Doublings of the longest path that is followed: 2^5 links. A test finds what is longer. #}
{% set doublings = 5 %}

with evidence as (
    select * from {{ ref('int_identity_evidence') }}
    where
        evidence_type in ('email', 'phone')
        and account_count between 2 and {{ var('identity_account_limit') }}
),

-- All who hold a token are linked to the one who held it first.
ranked_evidence as (
    select
        *,
        first_value(customer_id) over token_in_time as first_customer_id,
        evidence_type || ':' || evidence_hash as evidence
    from evidence
    window token_in_time as (
        partition by source_system, evidence_type, evidence_hash
        order by first_seen_at, customer_id
        rows between unbounded preceding and unbounded following
    )
),

links as (
    select
        source_system,
        customer_id,
        first_customer_id as linked_customer_id,
        first_seen_at as linked_at,
        evidence
    from ranked_evidence
    where customer_id <> first_customer_id
    union all
    select
        source_system,
        first_customer_id as customer_id,
        customer_id as linked_customer_id,
        first_seen_at as linked_at,
        evidence
    from ranked_evidence
    where customer_id <> first_customer_id
    union all
    select distinct
        source_system,
        customer_id,
        customer_id as linked_customer_id,
        {{ first_instant() }} as linked_at,
        'account' as evidence
    from ranked_evidence
),

ranked_paths_0 as (
    select
        *,
        row_number() over (
            partition by source_system, customer_id, linked_customer_id
            order by linked_at, evidence
        ) as path_rank
    from links
),

paths_0 as (
    select * from ranked_paths_0
    where path_rank = 1
),

-- Two accounts are one person from the moment the last link of their earliest path was known.
{% for doubling in range(1, doublings + 1) -%}
ranked_paths_{{ doubling }} as (
    select
        first_half.source_system,
        first_half.customer_id,
        second_half.linked_customer_id,
        greatest(first_half.linked_at, second_half.linked_at) as linked_at,
        case
            when first_half.linked_at >= second_half.linked_at then first_half.evidence
            else second_half.evidence
        end as evidence,
        row_number() over (
            partition by
                first_half.source_system, first_half.customer_id, second_half.linked_customer_id
            order by
                greatest(first_half.linked_at, second_half.linked_at),
                case
                    when first_half.linked_at >= second_half.linked_at then first_half.evidence
                    else second_half.evidence
                end
        ) as path_rank
    from paths_{{ doubling - 1 }} as first_half
    inner join paths_{{ doubling - 1 }} as second_half
        on first_half.source_system = second_half.source_system
        and first_half.linked_customer_id = second_half.customer_id
),

paths_{{ doubling }} as (
    select * from ranked_paths_{{ doubling }}
    where path_rank = 1
),

{% endfor -%}
identity_links as (
    select
        source_system,
        customer_id,
        linked_customer_id,
        linked_at,
        evidence
    from paths_{{ doublings }}
)

select * from identity_links
