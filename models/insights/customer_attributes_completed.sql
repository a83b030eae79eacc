{% set attributes = ['birth_year'] %}

with customers as (
    select * from {{ ref('customer_attributes') }}
),

{{ completed_attributes('customer', attributes) }},

completed_customers as (
    select
        customers.source_system,
        customers.customer_id,
        customers.as_of_date,
        customers.loyalty_tier,
        {{ completed_columns('customers', attributes) }}
    from customers
    left join completions
        on customers.source_system = completions.source_system
        and customers.customer_id = completions.subject_id
)

select * from completed_customers
