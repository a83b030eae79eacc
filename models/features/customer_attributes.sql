with customers as (
    select * from {{ ref('customer_360') }}
),

periods as (
    select * from {{ ref('int_order_periods_found') }}
),

attributes as (
    select
        customers.source_system,
        customers.customer_id,
        periods.as_of_date,
        customers.birth_year,
        customers.gender,
        coalesce(customers.loyalty_tier, 'Unknown') as loyalty_tier,
        customers.has_marketing_consent,
        customers.country_code,
        customers.favourite_category,
        {{ days_between(
            'cast(customers.source_created_at as date)', 'periods.as_of_date'
        ) }} as account_age_days,
        customers.order_count,
        customers.unit_count,
        customers.product_count,
        {{ days_between('customers.last_order_date', 'periods.as_of_date') }} as recency_days,
        periods.reporting_currency as currency,
        customers.average_order_amount,
        {{ reported_at('periods.as_of_date', 'customers.source_system') }} as available_at
    from customers
    left join periods
        on customers.source_system = periods.source_system
)

select * from attributes
