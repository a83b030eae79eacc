with activity as (
    select * from {{ ref('customer_activity_monthly') }}
    where order_count_so_far > 0
),

segments as (
    select * from {{ ref('rfm_segments') }}
),

ranked_buyers as (
    select
        *,
        count(*) over (partition by source_system, as_of_date) as buyer_count,
        count(*) over (partition by source_system, as_of_date, order_count_so_far) as peer_count,
        rank() over (partition by source_system, as_of_date order by last_order_date)
            as recency_rank,
        rank() over (partition by source_system, as_of_date order by order_count_so_far)
            as frequency_rank,
        count(net_revenue_amount_so_far) over (partition by source_system, as_of_date)
            as known_amount_count,
        rank() over (
            partition by source_system, as_of_date, net_revenue_amount_so_far is null
            order by net_revenue_amount_so_far
        ) as monetary_rank
    from activity
),

-- Fifths say nothing where one order count holds over 40 % of the buyers (97 % of Olist's bought
-- once): frequency is then cut at 1, 2, 3, 4-5 and 6 or more orders.
compared_buyers as (
    select
        *,
        max(peer_count) over (partition by source_system, as_of_date) > 0.4 * buyer_count
            as is_concentrated
    from ranked_buyers
),

scored_buyers as (
    select
        *,
        cast({{ quintile('recency_rank', 'buyer_count') }} as integer) as recency_score,
        cast(
            case
                when is_concentrated and order_count_so_far >= 6 then 5
                when is_concentrated and order_count_so_far >= 4 then 4
                when is_concentrated then order_count_so_far
                else {{ quintile('frequency_rank', 'buyer_count') }}
            end as integer
        ) as frequency_score,
        cast(
            case
                when net_revenue_amount_so_far is not null
                    then {{ quintile('monetary_rank', 'known_amount_count') }}
            end as integer
        ) as monetary_score
    from compared_buyers
),

scores as (
    select
        buyers.source_system,
        buyers.customer_id,
        buyers.month_start_date,
        buyers.as_of_date,
        {{ days_between('buyers.last_order_date', 'buyers.as_of_date') }} as recency_days,
        buyers.order_count_so_far as frequency,
        buyers.net_revenue_amount_so_far as monetary_amount,
        buyers.currency,
        buyers.has_missing_rate,
        buyers.recency_score,
        buyers.frequency_score,
        buyers.monetary_score,
        case when buyers.is_concentrated then 'fixed_cuts' else 'percent_rank' end
            as frequency_rule,
        segments.segment,
        segments.segment_group,
        coalesce(
            lag(segments.segment) over (
                partition by buyers.source_system, buyers.customer_id order by buyers.as_of_date
            ),
            'Prospect'
        ) as previous_segment
    from scored_buyers as buyers
    inner join segments
        on buyers.recency_score = segments.recency_score
        and buyers.frequency_score = segments.frequency_score
)

select * from scores
