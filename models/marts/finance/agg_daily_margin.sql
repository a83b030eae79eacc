{% set amounts = [
    'gross', 'discount', 'refunded_net', 'net_revenue', 'cost', 'shipping', 'refunded_shipping',
    'shipping_cost', 'payment_fee', 'marketing_spend', 'contribution_margin_1',
    'contribution_margin_2', 'contribution_margin_3',
] %}

with movements as (
    select * from {{ ref('margin_movements') }}
    where is_valid_order
),

spend as (
    select * from {{ ref('fact_marketing_spend') }}
),

movement_days as (
    select
        source_system,
        business_date_key,
        reporting_currency,
        sum(case when refund_id = '-2' then 1 else 0 end) as line_count,
        sum(case when refund_id = '-2' and is_margin_missing then 1 else 0 end)
            as missing_margin_line_count,
        sum(case when refund_id <> '-2' and is_margin_missing then 1 else 0 end)
            as missing_margin_refund_count,
        sum(case when net_revenue_amount is null then 1 else 0 end) as missing_rate_count,
        {%- for amount in amounts %}
        sum({{ amount }}_amount) as {{ amount }}_amount,
        {%- endfor %}
        max(business_date) as business_date
    from movements
    group by source_system, business_date_key, reporting_currency
),

spend_days as (
    select
        source_system,
        spend_date_key as business_date_key,
        reporting_currency,
        case when count(*) = count(reporting_amount) then sum(reporting_amount) end
            as spent_amount,
        max(spend_date) as business_date
    from spend
    group by source_system, spend_date_key, reporting_currency
),

days as (
    select
        coalesce(movements.source_system, spend.source_system) as source_system,
        coalesce(movements.business_date_key, spend.business_date_key) as business_date_key,
        coalesce(movements.business_date, spend.business_date) as business_date,
        coalesce(movements.reporting_currency, spend.reporting_currency) as reporting_currency,
        cast(coalesce(movements.line_count, 0) as integer) as line_count,
        cast(coalesce(movements.missing_margin_line_count, 0) as integer)
            as missing_margin_line_count,
        cast(coalesce(movements.missing_margin_refund_count, 0) as integer)
            as missing_margin_refund_count,
        cast(coalesce(movements.missing_rate_count, 0) as integer) as missing_rate_count,
        {%- for amount in amounts %}
        cast(
            case when movements.source_system is null then 0 else movements.{{ amount }}_amount end
            as decimal(18, 2)
        ) as {{ amount }}_amount,
        {%- endfor %}
        cast(
            case when spend.source_system is null then 0 else spend.spent_amount end
            - coalesce(movements.marketing_spend_amount, 0) as decimal(18, 2)
        ) as unattributed_spend_amount,
        spend.source_system is not null and spend.spent_amount is null as has_missing_spend
    from movement_days as movements
    full outer join spend_days as spend
        on movements.source_system = spend.source_system
        and movements.business_date_key = spend.business_date_key
        and movements.reporting_currency = spend.reporting_currency
)

select * from days
