with lines as (
    select * from {{ ref('fact_sales') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
),

places as (
    select * from {{ ref('dim_geography') }}
),

lines_without_rate as (
    select
        source_system,
        'lines_without_rate' as finding,
        currency || ' to ' || reporting_currency as detail,
        count(*) as row_count,
        sum(net_amount) as net_amount,
        currency
    from lines
    where is_rate_missing and is_valid_order
    group by source_system, currency, reporting_currency
),

orders_without_header as (
    select
        source_system,
        'orders_without_header' as finding,
        '' as detail,
        count(*) as row_count,
        sum(net_amount) as net_amount,
        currency
    from orders
    where is_inferred
    group by source_system, currency
),

orders_with_other_currency as (
    select
        source_system,
        'orders_with_other_currency' as finding,
        '' as detail,
        count(*) as row_count,
        sum(net_amount) as net_amount,
        currency
    from orders
    where has_other_currency
    group by source_system, currency
),

orders_of_unknown_country as (
    select
        orders.source_system,
        'orders_of_unknown_country' as finding,
        places.country_code as detail,
        count(*) as row_count,
        sum(orders.net_amount) as net_amount,
        orders.currency
    from orders
    inner join places
        on orders.geography_key = places.geography_key
    where places.country_name = 'Unknown' and places.geography_key <> '-1'
    group by orders.source_system, places.country_code, orders.currency
),

unexplained_balances as (
    select
        source_system,
        'unexplained_balances' as finding,
        '' as detail,
        count(distinct order_id) as row_count,
        sum(balance_amount) as net_amount,
        currency
    from {{ ref('payment_reconciliation') }}
    where reconciliation_class = 'unexplained'
    group by source_system, currency
),

findings as (
    select * from lines_without_rate
    union all
    select * from orders_without_header
    union all
    select * from orders_with_other_currency
    union all
    select * from orders_of_unknown_country
    union all
    select * from unexplained_balances
)

select * from findings
