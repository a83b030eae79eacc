with lines as (
    select * from {{ ref('fact_sales') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
),

payments as (
    select * from {{ ref('fact_payments') }}
),

refunds as (
    select * from {{ ref('fact_refunds') }}
),

places as (
    select * from {{ ref('dim_geography') }}
),

spend as (
    select * from {{ ref('fact_marketing_spend') }}
),

parcels as (
    select * from {{ ref('int_shipments_unioned') }}
),

entries as (
    {% for finding, amount, condition in [
        ('lines', 'net_amount', 'is_rate_missing and is_valid_order'),
        ('refunds', 'net_amount', 'is_rate_missing and is_valid_order'),
        ('spend', 'amount', 'reporting_amount is null'),
    ] -%}
    select
        source_system,
        '{{ finding }}_without_rate' as finding,
        currency || ' to ' || reporting_currency as detail,
        {{ amount }} as amount,
        currency
    from {{ finding }}
    where {{ condition }}
    union all
    {% endfor -%}
    {% for finding, amount, condition in [
        ('payments', 'amount', "order_id = '-1' and is_captured"),
        ('refunds', 'amount', "order_id = '-1'"),
        ('parcels', 'shipping_cost_amount', 'order_id is null'),
    ] -%}
    select
        source_system,
        '{{ finding }}_without_order' as finding,
        '' as detail,
        {{ amount }} as amount,
        currency
    from {{ finding }}
    where {{ condition }}
    union all
    {% endfor -%}
    select
        source_system,
        'orders_without_header' as finding,
        '' as detail,
        net_amount as amount,
        currency
    from orders
    where is_inferred
    union all
    select
        source_system,
        'orders_with_other_currency' as finding,
        '' as detail,
        net_amount as amount,
        currency
    from orders
    where has_other_currency
    union all
    select
        orders.source_system,
        'orders_of_unknown_country' as finding,
        places.country_code as detail,
        orders.net_amount as amount,
        orders.currency
    from orders
    inner join places
        on orders.geography_key = places.geography_key
    where places.country_name = 'Unknown' and places.geography_key <> '-1'
    union all
    select
        source_system,
        'unexplained_balances' as finding,
        '' as detail,
        sum(balance_amount) as amount,
        currency
    from {{ ref('payment_reconciliation') }}
    where reconciliation_class = 'unexplained'
    group by source_system, order_id, currency
),

findings as (
    select
        source_system,
        finding,
        detail,
        count(*) as row_count,
        sum(amount) as net_amount,
        currency
    from entries
    group by source_system, finding, detail, currency
)

select * from findings
