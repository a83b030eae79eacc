-- A row is a customer without RFM row, or the reverse.
with customers as (
    select source_system, customer_id from {{ ref('dim_customer_current') }}
    where customer_key not in ('-1', '-2')
),

scored as (
    select source_system, customer_id from {{ ref('ml_customer_rfm') }}
)

(select *, 'not scored' as problem from customers except all select *, 'not scored' as problem from scored)
union all
(select *, 'not a customer' as problem from scored except all select *, 'not a customer' as problem from customers)
