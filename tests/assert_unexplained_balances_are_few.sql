-- A row is a source of which more than the declared share of orders has a balance that no class
-- explains; they are listed in payment_reconciliation and counted in ops.findings. A source with
-- few orders is not judged.
select
    source_system,
    count(distinct order_id) as order_count,
    count(distinct case when reconciliation_class = 'unexplained' then order_id end)
        as unexplained_count
from {{ ref('payment_reconciliation') }}
group by source_system
having
    count(distinct order_id) >= {{ var('unknown_key_least_rows') }}
    and count(distinct case when reconciliation_class = 'unexplained' then order_id end)
    > {{ var('unexplained_balance_share_limit') }} * count(distinct order_id)
