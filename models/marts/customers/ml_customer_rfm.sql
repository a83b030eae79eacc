with customers as (
    select * from {{ ref('dim_customer_current') }}
    where customer_key not in ('-1', '-2')
),

orders as (
    select * from {{ ref('fact_orders') }}
),

as_of_dates as (
    select
        source_system,
        max(order_date) as as_of_date,
        max(reporting_currency) as reporting_currency
    from orders
    where not is_inferred
    group by source_system
),

net_movements as (
    select
        source_system,
        order_id,
        reporting_net_amount as net_amount,
        is_rate_missing
    from {{ ref('fact_sales') }}
    union all
    select
        source_system,
        order_id,
        -reporting_net_amount as net_amount,
        is_rate_missing
    from {{ ref('fact_refunds') }}
),

buyers as (
    select
        orders.source_system,
        orders.customer_id,
        max(orders.order_date) as last_order_date,
        count(distinct orders.order_id) as order_count,
        coalesce(sum(movements.net_amount), 0) as net_revenue_amount,
        bool_or(movements.is_rate_missing) as has_missing_rate
    from orders
    inner join net_movements as movements
        on orders.source_system = movements.source_system
        and orders.order_id = movements.order_id
    where orders.is_valid_order and orders.customer_key <> '-1'
    group by orders.source_system, orders.customer_id
),

ranked_buyers as (
    select
        *,
        count(*) over (partition by source_system) as buyer_count,
        count(*) over (partition by source_system, order_count) as peer_count,
        rank() over (partition by source_system order by last_order_date) as recency_rank,
        rank() over (partition by source_system order by order_count) as frequency_rank,
        rank() over (partition by source_system order by net_revenue_amount) as monetary_rank
    from buyers
),

-- Fifths say nothing where one order count holds over 40 % of the buyers (97 % of Olist's bought
-- once): frequency is then cut at 1, 2, 3, 4-5 and 6 or more orders.
compared_buyers as (
    select
        *,
        max(peer_count) over (partition by source_system) > 0.4 * buyer_count as is_concentrated
    from ranked_buyers
),

scored_buyers as (
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
    from compared_buyers
),

scores as (
    select
        customers.source_system,
        customers.customer_id,
        as_of_dates.as_of_date,
        {{ days_between('buyers.last_order_date', 'as_of_dates.as_of_date') }} as recency_days,
        cast(coalesce(buyers.order_count, 0) as integer) as frequency,
        cast(coalesce(buyers.net_revenue_amount, 0) as decimal(18, 2)) as monetary_amount,
        as_of_dates.reporting_currency as currency,
        coalesce(buyers.has_missing_rate, false) as has_missing_rate,
        cast(buyers.recency_score as integer) as recency_score,
        cast(buyers.frequency_score as integer) as frequency_score,
        cast(buyers.monetary_score as integer) as monetary_score,
        case
            when buyers.customer_id is null then 'not_scored'
            when buyers.is_concentrated then 'fixed_cuts'
            else 'percent_rank'
        end as frequency_rule,
        coalesce(segments.segment, 'Prospect') as segment,
        coalesce(segments.segment_group, 'Prospect') as segment_group
    from customers
    left join as_of_dates
        on customers.source_system = as_of_dates.source_system
    left join scored_buyers as buyers
        on customers.source_system = buyers.source_system
        and customers.customer_id = buyers.customer_id
    left join {{ ref('rfm_segments') }} as segments
        on buyers.recency_score = segments.recency_score
        and buyers.frequency_score = segments.frequency_score
)

select * from scores
