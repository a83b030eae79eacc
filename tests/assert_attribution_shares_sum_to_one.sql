-- A row is a valid order of a source with events, and a model of attribution, whose shares are not
-- 1 or are missing.
with sources as (
    select distinct source_system from {{ ref('fact_sessions') }}
),

models as (
    select distinct attribution_model from {{ ref('attribution') }}
),

shares as (
    select
        source_system,
        order_id,
        attribution_model,
        sum(order_share) as order_share
    from {{ ref('attribution') }}
    group by source_system, order_id, attribution_model
),

orders as (
    select orders.*
    from {{ ref('fact_orders') }} as orders
    inner join sources
        on orders.source_system = sources.source_system
    where orders.is_valid_order
)

select
    coalesce(orders.source_system, shares.source_system) as source_system,
    coalesce(orders.order_id, shares.order_id) as order_id,
    coalesce(models.attribution_model, shares.attribution_model) as attribution_model,
    shares.order_share
from orders
cross join models
full outer join shares
    on orders.source_system = shares.source_system
    and orders.order_id = shares.order_id
    and models.attribution_model = shares.attribution_model
where shares.order_share is distinct from 1 or orders.order_id is null
