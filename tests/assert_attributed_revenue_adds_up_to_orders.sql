-- A row is a valid order of a source with events, and a model of attribution, whose shares of
-- net or net revenue are not those of its lines; or a day whose orders campaigns do not add up to.
with sources as (
    select distinct source_system from {{ ref('fact_sessions') }}
),

sales as (
    select
        sales.source_system,
        sales.order_id,
        case
            when count(*) = count(sales.reporting_net_amount) then sum(sales.reporting_net_amount)
        end as net_amount
    from {{ ref('fact_sales') }} as sales
    inner join sources
        on sales.source_system = sources.source_system
    where sales.is_valid_order
    group by sales.source_system, sales.order_id
),

margins as (
    select
        source_system,
        order_id,
        case when count(*) = count(net_revenue_amount) then sum(net_revenue_amount) end
            as net_revenue_amount
    from {{ ref('order_margin') }}
    group by source_system, order_id
),

attributed as (
    select
        source_system,
        order_id,
        attribution_model,
        case when count(*) = count(reporting_net_amount) then sum(reporting_net_amount) end
            as net_amount,
        case when count(*) = count(net_revenue_amount) then sum(net_revenue_amount) end
            as net_revenue_amount
    from {{ ref('attribution') }}
    group by source_system, order_id, attribution_model
),

campaigns as (
    select
        source_system,
        date_key,
        sum(order_count) as order_count,
        sum(net_revenue_amount) as net_revenue_amount
    from {{ ref('campaign_performance') }}
    group by source_system, date_key
),

order_days as (
    select
        orders.source_system,
        orders.order_date_key as date_key,
        count(*) as order_count,
        coalesce(sum(margins.net_revenue_amount), 0) as net_revenue_amount
    from {{ ref('fact_orders') }} as orders
    inner join margins
        on orders.source_system = margins.source_system
        and orders.order_id = margins.order_id
    inner join sources
        on orders.source_system = sources.source_system
    where orders.is_valid_order
    group by orders.source_system, orders.order_date_key
)

select
    sales.source_system,
    sales.order_id as row_id,
    attributed.attribution_model,
    margins.net_revenue_amount,
    attributed.net_revenue_amount as attributed_amount
from sales
inner join margins
    on sales.source_system = margins.source_system
    and sales.order_id = margins.order_id
left join attributed
    on sales.source_system = attributed.source_system
    and sales.order_id = attributed.order_id
where
    attributed.order_id is null
    or attributed.net_amount is distinct from sales.net_amount
    or attributed.net_revenue_amount is distinct from margins.net_revenue_amount
union all
select
    order_days.source_system,
    cast(order_days.date_key as varchar) as row_id,
    'campaigns' as attribution_model,
    order_days.net_revenue_amount,
    campaigns.net_revenue_amount as attributed_amount
from order_days
left join campaigns
    on order_days.source_system = campaigns.source_system
    and order_days.date_key = campaigns.date_key
where
    campaigns.order_count is distinct from order_days.order_count
    or campaigns.net_revenue_amount is distinct from order_days.net_revenue_amount
