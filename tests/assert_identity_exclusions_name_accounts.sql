-- A row is an exclusion of an account that nobody has: mistyped, it would undo no merge.
with exclusions as (
    select * from {{ ref('identity_exclusions') }}
),

accounts as (
    select distinct
        source_system,
        customer_id
    from {{ ref('customer_identity') }}
)

select
    exclusions.source_system,
    exclusions.customer_id,
    exclusions.reason
from exclusions
left join accounts
    on exclusions.source_system = accounts.source_system
    and exclusions.customer_id = accounts.customer_id
where accounts.customer_id is null
