{{ config(**daily_feature('payment_date')) }}

with payments as (
    select * from {{ ref('int_payments_first_known') }}
),

orders as (
    select * from {{ ref('int_orders_first_known') }}
),

customers as (
    select * from {{ ref('int_customers_first_known') }}
),

links as (
    select * from {{ ref('int_payment_links_counted') }}
),

countries as (
    select * from {{ ref('countries') }}
),

-- An order or account that was known later than its payment tells nothing about it.
payments_in_context as (
    select
        payments.*,
        orders.country_code as ship_to_country_code,
        countries.time_zone as ship_to_time_zone,
        customers.account_created_at
    from payments
    left join orders
        on payments.source_system = orders.source_system
        and payments.order_id = orders.order_id
        and payments.available_at >= orders.available_at
    left join countries
        on orders.country_code = countries.country_code
    left join customers
        on orders.source_system = customers.source_system
        and orders.customer_id = customers.customer_id
        and payments.available_at >= customers.available_at
),

payment_features as (
    select
        payments.source_system,
        payments.payment_id,
        coalesce(payments.order_id, '-1') as order_id,
        coalesce(payments.payment_method_id, '-1') as payment_method_id,
        payments.payment_status,
        payments.is_captured,
        payments.payment_date,
        payments.paid_at,
        cast(extract(
            hour from {{ to_local('payments.paid_at', 'payments.ship_to_time_zone') }}
        ) as integer) as local_hour,
        payments.currency,
        payments.amount,
        payments.reporting_currency,
        payments.reporting_amount,
        payments.installments,
        payments.card_token,
        payments.device_hash,
        payments.payer_email_hash,
        payments.gateway_risk_score,
        payments.issuer_country_code <> payments.ship_to_country_code as is_international,
        payments.network_country_code <> payments.ship_to_country_code as is_network_abroad,
        case
            when payments.paid_at >= payments.account_created_at
                then {{ days_between('payments.account_created_at', 'payments.paid_at') }}
        end as account_age_days,
        {%- for count in [
            'card_attempts_1h', 'card_attempts_1d', 'card_attempts', 'card_other_accounts',
            'device_attempts_1d', 'device_attempts', 'device_other_accounts',
            'email_attempts_1d', 'email_attempts', 'email_other_accounts',
            'customer_declines_1d', 'customer_payments', 'customer_payments_on_device',
            'linked_chargebacks',
        ] %}
        coalesce(links.{{ count }}, 0) as {{ count }},
        {%- endfor %}
        links.customer_mean_amount,
        links.customer_days_since_payment,
        payments.charged_back_at is not null as is_charged_back,
        payments.charged_back_at,
        case when payments.payment_status <> 'pending' then payments.available_at end
            as available_at
    from payments_in_context as payments
    left join links
        on payments.source_system = links.source_system
        and payments.payment_id = links.payment_id
)

select * from payment_features
where {{ is_wanted_day('payment_date') }}
