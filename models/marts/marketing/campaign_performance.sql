with spend as (
    select * from {{ ref('fact_marketing_spend') }}
),

sessions as (
    select * from {{ ref('fact_sessions') }}
    where visitor_class = 'person'
),

-- Each order counts for one session: the last that a channel brought.
orders as (
    select * from {{ ref('attribution') }}
    where attribution_model = 'last_non_direct'
),

parts as (
    select
        source_system,
        spend_date_key as date_key,
        spend_date as business_date,
        channel_key,
        coalesce(campaign_id, '-2') as campaign_id,
        reporting_currency,
        reporting_amount as spend_amount,
        case when is_rate_missing then 1 else 0 end as unrated_spend_count,
        impressions as impression_count,
        clicks as click_count,
        0 as session_count,
        0 as order_count,
        0 as new_customer_count,
        0 as unrated_order_count,
        cast(0 as decimal(18, 2)) as net_revenue_amount
    from spend
    union all
    select
        source_system,
        session_date_key as date_key,
        session_date as business_date,
        channel_key,
        coalesce(campaign_id, '-2') as campaign_id,
        {{ setting_of('source_system', 'reporting_currency', 'XXX') }} as reporting_currency,
        0 as spend_amount,
        0 as unrated_spend_count,
        0 as impression_count,
        0 as click_count,
        count(*) as session_count,
        0 as order_count,
        0 as new_customer_count,
        0 as unrated_order_count,
        0 as net_revenue_amount
    from sessions
    group by
        source_system, session_date_key, session_date, channel_key, coalesce(campaign_id, '-2')
    union all
    select
        source_system,
        order_date_key as date_key,
        order_date as business_date,
        channel_key,
        coalesce(campaign_id, '-2') as campaign_id,
        reporting_currency,
        0 as spend_amount,
        0 as unrated_spend_count,
        0 as impression_count,
        0 as click_count,
        0 as session_count,
        1 as order_count,
        case when is_first_order then 1 else 0 end as new_customer_count,
        case when net_revenue_amount is null then 1 else 0 end as unrated_order_count,
        net_revenue_amount
    from orders
),

summed_parts as (
    select
        source_system,
        date_key,
        business_date,
        channel_key,
        campaign_id,
        reporting_currency,
        cast(coalesce(sum(spend_amount), 0) as decimal(18, 2)) as spend_amount,
        cast(coalesce(sum(net_revenue_amount), 0) as decimal(18, 2)) as net_revenue_amount,
        cast(coalesce(sum(unrated_spend_count), 0) as bigint) as unrated_spend_count,
        cast(coalesce(sum(impression_count), 0) as bigint) as impression_count,
        cast(coalesce(sum(click_count), 0) as bigint) as click_count,
        cast(coalesce(sum(session_count), 0) as bigint) as session_count,
        cast(coalesce(sum(order_count), 0) as bigint) as order_count,
        cast(coalesce(sum(new_customer_count), 0) as bigint) as new_customer_count,
        cast(coalesce(sum(unrated_order_count), 0) as bigint) as unrated_order_count
    from parts
    group by
        source_system, date_key, business_date, channel_key, campaign_id, reporting_currency
),

performance as (
    select
        source_system,
        date_key,
        business_date,
        channel_key,
        campaign_id,
        reporting_currency,
        spend_amount,
        unrated_spend_count,
        impression_count,
        click_count,
        session_count,
        order_count,
        new_customer_count,
        net_revenue_amount,
        unrated_order_count,
        cast(spend_amount / nullif(new_customer_count, 0) as decimal(18, 2))
            as acquisition_cost_amount,
        cast(net_revenue_amount as double) / nullif(spend_amount, 0) as return_on_spend
    from summed_parts
)

select * from performance
