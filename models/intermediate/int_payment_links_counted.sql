{{ config(materialized='view') }}

with payments as (
    select
        payments.*,
        orders.customer_id
    from {{ ref('int_payments_first_known') }} as payments
    left join {{ ref('int_orders_first_known') }} as orders
        on payments.source_system = orders.source_system
        and payments.order_id = orders.order_id
        and payments.available_at >= orders.available_at
    where payments.paid_at is not null
),

-- One row per payment and thing it shares with others.
links as (
    {% for link, column in {
        'card': 'card_token', 'device': 'device_hash', 'email': 'payer_email_hash', 'customer': 'customer_id',
    }.items() -%}
    select
        source_system,
        payment_id,
        '{{ link }}' as link_type,
        {{ column }} as link_value,
        customer_id,
        device_hash,
        is_captured,
        payment_status,
        reporting_amount,
        paid_at,
        available_at,
        charged_back_available_at
    from payments
    where {{ column }} is not null
    {{ "union all" if not loop.last }}
    {% endfor -%}
),

-- Earlier payments, as far as they were known with the one they are counted for.
linked_payments as (
    select
        links.source_system,
        links.payment_id,
        links.link_type,
        earlier.is_captured,
        earlier.payment_status,
        earlier.reporting_amount,
        earlier.customer_id <> links.customer_id as is_of_another,
        earlier.device_hash = links.device_hash as is_on_device,
        earlier.customer_id,
        earlier.paid_at >= links.paid_at - interval 1 hour as is_within_hour,
        earlier.paid_at >= links.paid_at - interval 1 day as is_within_day,
        {{ hours_between('earlier.paid_at', 'links.paid_at') }} / 24 as days_ago,
        earlier.charged_back_available_at <= links.available_at as is_charged_back
    from links
    inner join links as earlier
        on links.source_system = earlier.source_system
        and links.link_type = earlier.link_type
        and links.link_value = earlier.link_value
        and links.paid_at > earlier.paid_at
        and links.available_at >= earlier.available_at
        and links.paid_at - interval {{ var('payment_history_days') }} day <= earlier.paid_at
),

counted_links as (
    select
        source_system,
        payment_id,
        {%- for link in ['card', 'device', 'email'] %}
        count(*) filter (where link_type = '{{ link }}' and is_within_day)
            as {{ link }}_attempts_1d,
        count(*) filter (where link_type = '{{ link }}') as {{ link }}_attempts,
        count(distinct case when link_type = '{{ link }}' and is_of_another then customer_id end)
            as {{ link }}_other_accounts,
        {%- endfor %}
        count(*) filter (where link_type = 'card' and is_within_hour) as card_attempts_1h,
        count(*) filter (
            where link_type = 'customer' and is_within_day and payment_status = 'declined'
        ) as customer_declines_1d,
        count(*) filter (where link_type = 'customer' and is_captured) as customer_payments,
        count(*) filter (where link_type = 'customer' and is_on_device)
            as customer_payments_on_device,
        cast(round(
            avg(reporting_amount) filter (where link_type = 'customer' and is_captured), 2
        ) as double) as customer_mean_amount,
        min(days_ago) filter (where link_type = 'customer') as customer_days_since_payment,
        count(*) filter (where is_charged_back) as linked_chargebacks
    from linked_payments
    group by source_system, payment_id
)

select * from counted_links
