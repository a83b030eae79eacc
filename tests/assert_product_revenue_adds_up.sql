-- A row is a source whose products' revenue of twelve months differs from its valid sales less
-- refunds, or whose shares are not 1 in all.
with products as (
    select
        source_system,
        {{ date_key('min(period_start_date)') }} as first_date_key,
        {{ date_key('max(as_of_date)') }} as last_date_key,
        coalesce(sum(net_revenue_amount), 0) as net_revenue_amount,
        sum(revenue_share) as revenue_share
    from {{ ref('product_abc') }}
    group by source_system
),

movements as (
    select
        source_system,
        order_date_key as date_key,
        reporting_net_amount as amount
    from {{ ref('fact_sales') }}
    where is_valid_order
    union all
    select
        source_system,
        refunded_date_key as date_key,
        -reporting_net_amount as amount
    from {{ ref('fact_refunds') }}
    where is_valid_order
),

totals as (
    select
        movements.source_system,
        sum(movements.amount) filter (
            where movements.date_key >= products.first_date_key
            and movements.date_key <= products.last_date_key
        ) as net_revenue_amount
    from movements
    left join products
        on movements.source_system = products.source_system
    group by movements.source_system
)

select
    coalesce(products.source_system, totals.source_system) as source_system,
    products.net_revenue_amount,
    totals.net_revenue_amount as net_revenue_of_facts,
    products.revenue_share
from products
full outer join totals
    on products.source_system = totals.source_system
where
    products.source_system is null
    or products.net_revenue_amount <> coalesce(totals.net_revenue_amount, 0)
    or abs(products.revenue_share - 1) > 0.000000001
