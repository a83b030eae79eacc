with payments as (
    select * from {{ ref('fact_payments') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

dates as (
    select * from {{ ref('dim_date') }}
),

methods as (
    select * from {{ ref('dim_payment_method') }}
),

places as (
    select * from {{ ref('dim_geography') }}
),

countries as (
    select * from {{ ref('countries') }}
),

payments_in_context as (
    select
        payments.*,
        methods.payment_method_id,
        dates.date_day as payment_date,
        places.country_code as ship_to_country_code,
        countries.time_zone as ship_to_time_zone,
        customers.source_created_at as account_created_at,
        orders.reporting_currency,
        {{ effective_rate('payments.currency', 'orders.reporting_currency') }} as rate
    from payments
    inner join dates
        on payments.paid_date_key = dates.date_key
    inner join methods
        on payments.payment_method_key = methods.payment_method_key
    left join orders
        on payments.source_system = orders.source_system
        and payments.order_id = orders.order_id
    left join places
        on orders.geography_key = places.geography_key
    left join countries
        on places.country_code = countries.country_code
    left join customers
        on payments.customer_key = customers.customer_key
    {{ join_rates('payments.currency', 'orders.reporting_currency', 'dates.date_day') }}
),

payment_features as (
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
        {{ converted('amount', 'rate') }} as reporting_amount,
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
    from payments_in_context
)

select * from payment_features
