with spend as (
    select * from {{ ref('int_marketing_spend_unioned') }}
),

keyed_spend as (
    select
        source_system,
        {{ date_key('spend_date') }} as spend_date_key,
        campaign_id,
        {{ member_key(['channel_id']) }} as channel_key,
        spend_date,
        impressions,
        clicks,
        currency,
        amount,
        reporting_currency,
        rate,
        case when rate is not null then spend_date end as rate_date,
        rate_source,
        rate is null as is_rate_missing,
        reporting_amount,
        known_at
    from spend
)

select * from keyed_spend
