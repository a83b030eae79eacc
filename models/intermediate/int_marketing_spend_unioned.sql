with shop_latest as (
    {{ latest_rows(
        ref('stg_shop__marketing_spend'), ['spend_date', 'campaign_id'], has_operations=false
    ) }}
),

spend as (
    select
        'shop' as source_system,
        spend_date,
        campaign_id,
        channel_id,
        amount,
        currency,
        impressions,
        clicks,
        {{ source_setting('shop', 'reporting_currency') }} as reporting_currency,
        known_at
    from shop_latest
),

rated_spend as (
    select
        spend.*,
        {{ effective_rate('spend.currency', 'spend.reporting_currency') }} as rate,
        {{ rate_source('spend.currency', 'spend.reporting_currency') }} as rate_source
    from spend
    {{ join_rates('spend.currency', 'spend.reporting_currency', 'spend.spend_date') }}
),

converted_spend as (
    select
        *,
        {{ converted('amount', 'rate') }} as reporting_amount
    from rated_spend
)

select * from converted_spend
