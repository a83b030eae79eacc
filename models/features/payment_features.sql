with payments as (
    select * from {{ ref('fact_payments') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

places as (
    select * from {{ ref('dim_geography') }}
),

described as (
    select
        payments.*,
        methods.payment_method_id,
        dates.date_day as payment_date,
        places.country_code as ship_to_country_code,
        countries.time_zone as ship_to_time_zone,
        customers.source_created_at as account_created_at,
        orders.reporting_currency,
        {{ effective_rate(
            'payments.currency', 'orders.reporting_currency', 'rates.rate'
        ) }} as rate
    from payments
    inner join {{ ref('dim_date') }} as dates
        on payments.paid_date_key = dates.date_key
    inner join {{ ref('dim_payment_method') }} as methods
        on payments.payment_method_key = methods.payment_method_key
    left join orders
        on payments.source_system = orders.source_system
        and payments.order_id = orders.order_id
    left join places
        on orders.geography_key = places.geography_key
    left join {{ ref('countries') }} as countries
        on places.country_code = countries.country_code
    left join customers
        on payments.customer_key = customers.customer_key
    left join {{ ref('fx_rates') }} as rates
        on payments.currency = rates.from_currency
        and orders.reporting_currency = rates.to_currency
        and dates.date_day = rates.rate_date
)

select
    source_system,
    payment_id,
    order_id,
    payment_method_id,
    payment_status,
    is_captured,
    payment_date,
    paid_at,
    cast(
        extract(hour from {{ to_local('paid_at', 'ship_to_time_zone') }}) as integer
    ) as local_hour,
    currency,
    amount,
    reporting_currency,
    cast(round(amount * rate, 2) as decimal(18, 2)) as reporting_amount,
    card_token,
    device_hash,
    payer_email_hash,
    gateway_risk_score,
    case
        when issuer_country_code is not null and ship_to_country_code not in ('-1', '-2')
            then issuer_country_code <> ship_to_country_code
    end as is_international,
    case
        when paid_at >= account_created_at
            then {{ days_between('account_created_at', 'paid_at') }}
    end as account_age_days,
    known_at
from described
