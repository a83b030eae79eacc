-- A row is a pair of accounts that a chain of links connects and int_identity_links does not know:
-- the chain is longer than it follows, raise its doublings.
with links as (
    select * from {{ ref('int_identity_links') }}
)

select distinct
    first_half.source_system,
    first_half.customer_id,
    second_half.linked_customer_id
from links as first_half
inner join links as second_half
    on first_half.source_system = second_half.source_system
    and first_half.linked_customer_id = second_half.customer_id
left join links
    on first_half.source_system = links.source_system
    and first_half.customer_id = links.customer_id
    and second_half.linked_customer_id = links.linked_customer_id
where links.customer_id is null
