with members as (
    select * from {{ ref('dim_customer_current') }}
    where customer_key not in ('-1', '-2')
),

as_of_dates as (
    select
        source_system,
        max(order_date) as as_of_date,
        max(reporting_currency) as reporting_currency
    from {{ ref('fact_orders') }}
    where not is_inferred
    group by source_system
),

order_revenues as (
    select
        source_system,
        order_id,
        sum(reporting_net_amount) as net_amount,
        bool_or(is_rate_missing) as has_missing_rate
    from {{ ref('fact_sales') }}
    group by source_system, order_id
),

order_refunds as (
    select
        source_system,
        order_id,
        sum(reporting_net_amount) as refunded_amount,
        bool_or(is_rate_missing) as has_missing_rate
    from {{ ref('fact_refunds') }}
    group by source_system, order_id
),

purchases as (
    select
        orders.source_system,
        customers.customer_id,
        max(orders.order_date) as last_order_date,
        count(*) as order_count,
        coalesce(
            sum(revenues.net_amount - coalesce(refunds.refunded_amount, 0)), 0
        ) as net_revenue_amount,
        bool_or(revenues.has_missing_rate or coalesce(refunds.has_missing_rate, false))
            as has_missing_rate
    from {{ ref('fact_orders') }} as orders
    inner join {{ ref('dim_customer') }} as customers
        on orders.customer_key = customers.customer_key
        and customers.customer_key not in ('-1', '-2')
    inner join order_revenues as revenues
        on orders.source_system = revenues.source_system
        and orders.order_id = revenues.order_id
    left join order_refunds as refunds
        on orders.source_system = refunds.source_system
        and orders.order_id = refunds.order_id
    where orders.is_valid_order
    group by orders.source_system, customers.customer_id
),

ranked as (
    select
        *,
        count(*) over (partition by source_system) as buyer_count,
        count(*) over (partition by source_system, order_count) as peer_count,
        rank() over (partition by source_system order by last_order_date) as recency_rank,
        rank() over (partition by source_system order by order_count) as frequency_rank,
        rank() over (partition by source_system order by net_revenue_amount) as monetary_rank
    from purchases
),

judged as (
    select
        *,
        max(peer_count) over (partition by source_system) > 0.4 * buyer_count as is_concentrated
    from ranked
),

scored as (
    select
        *,
        {{ quintile('recency_rank', 'buyer_count') }} as recency_score,
        case
            when is_concentrated and order_count >= 6 then 5
            when is_concentrated and order_count >= 4 then 4
            when is_concentrated then order_count
            else {{ quintile('frequency_rank', 'buyer_count') }}
        end as frequency_score,
        {{ quintile('monetary_rank', 'buyer_count') }} as monetary_score
    from judged
)

select
    members.source_system,
    members.customer_id,
    as_of_dates.as_of_date,
    {{ days_between('scored.last_order_date', 'as_of_dates.as_of_date') }} as recency_days,
    cast(coalesce(scored.order_count, 0) as integer) as frequency,
    cast(coalesce(scored.net_revenue_amount, 0) as decimal(18, 2)) as monetary_amount,
    as_of_dates.reporting_currency as currency,
    coalesce(scored.has_missing_rate, false) as has_missing_rate,
    cast(scored.recency_score as integer) as recency_score,
    cast(scored.frequency_score as integer) as frequency_score,
    cast(scored.monetary_score as integer) as monetary_score,
    case
        when scored.customer_id is null then 'not_scored'
        when scored.is_concentrated then 'fixed_cuts'
        else 'percent_rank'
    end as frequency_rule,
    coalesce(segments.segment, 'Prospect') as segment,
    coalesce(segments.segment_group, 'Prospect') as segment_group
from members
left join as_of_dates
    on members.source_system = as_of_dates.source_system
left join scored
    on members.source_system = scored.source_system
    and members.customer_id = scored.customer_id
left join {{ ref('rfm_segments') }} as segments
    on scored.recency_score = segments.recency_score
    and scored.frequency_score = segments.frequency_score
