-- A row is a customer without RFM row, or the reverse.
with customers as (
    select
        source_system,
        customer_id
    from {{ ref('dim_customer_current') }}
    where customer_key not in ('-1', '-2')
)

select
    coalesce(customers.source_system, scored.source_system) as source_system,
    coalesce(customers.customer_id, scored.customer_id) as customer_id,
    case when scored.customer_id is null then 'not scored' else 'not a customer' end as problem
from customers
full outer join {{ ref('ml_customer_rfm') }} as scored
    on customers.source_system = scored.source_system
    and customers.customer_id = scored.customer_id
where customers.customer_id is null or scored.customer_id is null
