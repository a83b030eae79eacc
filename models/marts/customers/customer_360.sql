with customers as (
    select * from {{ ref('dim_customer_current') }}
    where customer_key not in ('-1', '-2')
),

identities as (
    select
        *,
        count(*) over (partition by identity_key) as identity_account_count
    from {{ ref('customer_identity') }}
    where is_current
),

scores as (
    select * from {{ ref('ml_customer_rfm') }}
),

orders as (
    select * from {{ ref('customer_value') }}
),

favourites as (
    select * from {{ ref('customer_favourites') }}
),

profiles as (
    select
        customers.source_system,
        customers.customer_id,
        customers.customer_key,
        identities.identity_key,
        identities.identity_account_count,
        customers.is_deleted,
        customers.is_inferred,
        customers.email_hash,
        customers.is_email_missing,
        customers.phone_hash,
        customers.phone_masked,
        customers.birth_year,
        customers.gender,
        customers.loyalty_tier,
        customers.has_marketing_consent,
        customers.marketing_consent_at,
        customers.postal_code,
        customers.city,
        customers.state,
        customers.country_code,
        customers.source_created_at,
        scores.as_of_date,
        scores.segment,
        scores.segment_group,
        scores.recency_days,
        scores.recency_score,
        scores.frequency_score,
        scores.monetary_score,
        coalesce(orders.order_count, 0) as order_count,
        coalesce(orders.cancelled_order_count, 0) as cancelled_order_count,
        coalesce(orders.refunded_order_count, 0) as refunded_order_count,
        coalesce(orders.late_order_count, 0) as late_order_count,
        coalesce(orders.unit_count, 0) as unit_count,
        coalesce(orders.product_count, 0) as product_count,
        orders.first_order_date,
        orders.last_order_date,
        favourites.favourite_category,
        favourites.favourite_channel,
        favourites.favourite_payment_method,
        scores.currency,
        {%- for amount in [
            'gross', 'discount', 'refunded_net', 'net_revenue', 'contribution_margin_3'
        ] %}
        cast(
            case when orders.customer_id is null then 0 else orders.{{ amount }}_amount end
            as decimal(18, 2)
        ) as {{ amount }}_amount,
        {%- endfor %}
        orders.average_order_amount,
        coalesce(orders.has_missing_rate, false) as has_missing_rate,
        coalesce(orders.has_missing_margin, false) as has_missing_margin
    from customers
    left join identities
        on customers.source_system = identities.source_system
        and customers.customer_id = identities.customer_id
    left join scores
        on customers.source_system = scores.source_system
        and customers.customer_id = scores.customer_id
    left join orders
        on customers.source_system = orders.source_system
        and customers.customer_id = orders.customer_id
    left join favourites
        on customers.source_system = favourites.source_system
        and customers.customer_id = favourites.customer_id
)

select * from profiles
