{% set days, usual_days = var('price_window_days'), var('price_usual_days') %}
{% set of_product = 'partition by source_system, product_id, currency order by business_date' %}

with prices as (
    select * from {{ ref('int_product_prices_found') }}
),

costs as (
    select * from {{ ref('int_product_costs_found') }}
),

demand as (
    select * from {{ ref('product_demand_daily') }}
    where not is_future and period_days = 1
),

-- What a product costs in another currency than its price is no cost to compare it with, but
-- that it does is known no earlier than that cost.
priced_days as (
    select
        demand.source_system,
        demand.product_id,
        demand.category,
        demand.business_date,
        {{ days_between(
            'demand.business_date',
            'max(demand.business_date) over (partition by demand.source_system)',
        ) }} >= {{ var('settlement_days') }} as is_settled,
        demand.planned_discount_share,
        case when demand.is_stock_out then 0 else 1 end as in_stock_days,
        demand.reported_lines,
        demand.reported_units,
        demand.ordered_units,
        prices.price,
        case when costs.currency = prices.currency then costs.cost end as cost,
        case when costs.currency = prices.currency then prices.price - costs.cost end as margin,
        prices.currency,
        case
            when prices.valid_from_date = demand.business_date then prices.price_before
        end as price_before,
        case
            when prices.valid_from_date > cast({{ first_instant() }} as date)
                then prices.valid_from_date
        end as price_from_date,
        greatest(demand.available_at, prices.available_at, costs.available_at) as available_at
    from demand
    inner join prices
        on demand.source_system = prices.source_system
        and demand.product_id = prices.product_id
        and demand.business_date >= prices.valid_from_date
        and demand.business_date < prices.valid_to_date
    left join costs
        on prices.source_system = costs.source_system
        and prices.product_id = costs.product_id
        and demand.business_date >= costs.valid_from_date
        and demand.business_date < costs.valid_to_date
),

-- Margins in two currencies are not comparable: windows begin anew with a currency.
measured_days as (
    select
        *,
        count(price_before) over around_day as change_count_around,
        sum(in_stock_days) over before_day as in_stock_days_before,
        sum(reported_units) over before_day as reported_units_before,
        {{ sum_of_known('reported_units * margin', 'before_day') }} as reported_margin_before,
        {{ sum_of_known('ordered_units * margin', 'before_day') }} as ordered_margin_before,
        {{ sum_of_known('ordered_units * margin', 'from_day') }} as ordered_margin_after,
        sum(reported_units) over long_before_day
        / cast(nullif(sum(in_stock_days) over long_before_day, 0) as double) as usual_daily_units,
        sum(in_stock_days) over from_day as in_stock_days_after,
        count(*) filter (where is_settled) over from_day as days_after
    from priced_days
    window
        around_day as (
            {{ of_product }} rows between {{ days }} preceding and {{ days - 1 }} following
        ),
        before_day as ({{ of_product }} rows between {{ days }} preceding and 1 preceding),
        long_before_day as (
            {{ of_product }}
            rows between {{ days + usual_days }} preceding and {{ days + 1 }} preceding
        ),
        from_day as ({{ of_product }} rows between current row and {{ days - 1 }} following)
),

rated_days as (
    select
        source_system,
        product_id,
        business_date,
        category,
        currency,
        price,
        price_before,
        price_from_date,
        cost as cost_amount,
        planned_discount_share,
        cast(in_stock_days as integer) as in_stock_days,
        reported_lines,
        cast(change_count_around as integer) as change_count_around,
        cast(in_stock_days_before as integer) as in_stock_days_before,
        cast(reported_units_before as bigint) as units_before,
        cast(reported_margin_before as double) / nullif(in_stock_days_before, 0)
            as daily_margin_before,
        usual_daily_units,
        cast(reported_units_before as double) / nullif(in_stock_days_before, 0)
        / nullif(usual_daily_units, 0) as recent_sales_ratio,
        cast(days_after as integer) as days_after,
        cast(in_stock_days_after as integer) as in_stock_days_after,
        cast(ordered_margin_after as double) / nullif(in_stock_days_after, 0)
        - cast(ordered_margin_before as double) / nullif(in_stock_days_before, 0)
            as daily_margin_change,
        days_after = {{ days }}
        and in_stock_days_before >= {{ days * var('price_least_stock_share') }}
        and in_stock_days_after >= {{ days * var('price_least_stock_share') }} as is_measured,
        available_at
    from measured_days
)

select * from rated_days
