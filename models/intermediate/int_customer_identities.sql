with versions as (
    select * from {{ ref('int_customer_versions') }}
),

named_accounts as (
    select
        source_system,
        customer_id
    from {{ ref('int_orders_unioned') }}
    union
    select
        source_system,
        customer_id
    from {{ ref('int_events_unioned') }}
),

links as (
    select * from {{ ref('int_identity_links') }}
),

accounts as (
    select
        source_system,
        customer_id,
        coalesce(min(source_created_at), min(valid_from)) as opened_at
    from versions
    group by source_system, customer_id
    union all
    select
        named_accounts.source_system,
        named_accounts.customer_id,
        {{ last_instant() }} as opened_at
    from named_accounts
    left join versions
        on named_accounts.source_system = versions.source_system
        and named_accounts.customer_id = versions.customer_id
    where named_accounts.customer_id is not null and versions.customer_id is null
),

-- A person is named after the oldest of the accounts.
ranked_accounts as (
    select
        *,
        row_number() over (
            partition by source_system order by opened_at, customer_id
        ) as seniority
    from accounts
),

candidates as (
    select
        ranked_accounts.source_system,
        ranked_accounts.customer_id,
        {{ first_instant() }} as linked_at,
        'account' as evidence,
        ranked_accounts.seniority
    from ranked_accounts
    union all
    select
        links.source_system,
        links.customer_id,
        links.linked_at,
        links.evidence,
        linked_accounts.seniority
    from links
    inner join ranked_accounts as linked_accounts
        on links.source_system = linked_accounts.source_system
        and links.linked_customer_id = linked_accounts.customer_id
    where links.customer_id <> links.linked_customer_id
),

compared_candidates as (
    select
        *,
        min(seniority) over (
            partition by source_system, customer_id order by linked_at, seniority
            rows between unbounded preceding and 1 preceding
        ) as best_seniority
    from candidates
),

-- Of several links of one instant only the one to the most senior account is left.
mergers as (
    select
        *,
        coalesce(
            lead(linked_at) over (partition by source_system, customer_id order by linked_at),
            {{ open_end() }}
        ) as valid_to
    from compared_candidates
    where best_seniority is null or seniority < best_seniority
),

identities as (
    select
        mergers.source_system,
        mergers.customer_id,
        {{ surrogate_key(['mergers.source_system', 'named_after.customer_id']) }} as identity_key,
        named_after.customer_id as identity_id,
        mergers.linked_at as valid_from,
        mergers.valid_to,
        mergers.valid_to = {{ open_end() }} as is_current,
        mergers.evidence
    from mergers
    inner join ranked_accounts as named_after
        on mergers.source_system = named_after.source_system
        and mergers.seniority = named_after.seniority
)

select * from identities
