-- A row is a measure of a source whose total over the margin differs from the fact, the costs or
-- the spend it is made of.
with lines as (
    select * from {{ ref('order_margin') }}
),

valid_lines as (
    select * from lines
    where is_valid_order
),

days as (
    select * from {{ ref('agg_daily_margin') }}
),

moved_amounts as (
    select
        source_system,
        order_id,
        line_number,
        sum(net_revenue_amount) as net_revenue_amount,
        sum(refunded_net_amount) as refunded_net_amount
    from {{ ref('margin_movements') }}
    group by source_system, order_id, line_number
),

-- A day of which a rate is missing has no total.
spend_days as (
    select
        source_system,
        spend_date_key,
        reporting_currency,
        sum(reporting_amount) as reporting_amount
    from {{ ref('fact_marketing_spend') }}
    group by source_system, spend_date_key, reporting_currency
    having bool_and(reporting_amount is not null)
),

order_refunds as (
    select
        source_system,
        order_id,
        sum(reporting_net_amount) as refunded_amount
    from {{ ref('fact_refunds') }}
    group by source_system, order_id
    having bool_and(not is_rate_missing)
),

order_margins as (
    select
        source_system,
        order_id,
        sum(reporting_refunded_net_amount) as refunded_amount
    from lines
    group by source_system, order_id
    having bool_and(not is_rate_missing)
),

totals as (
    {% for amount in ['gross', 'discount', 'net', 'tax', 'shipping'] -%}
    select
        source_system,
        'lines {{ amount }} ' || currency as measure,
        (
            select sum(sales.{{ amount }}_amount) from {{ ref('fact_sales') }} as sales
            where sales.source_system = lines.source_system and sales.currency = lines.currency
        ) as expected,
        sum({{ amount }}_amount) as found
    from lines
    group by source_system, currency
    union all
    {% endfor -%}
    {% for kind, amount in {
        'shipping': 'shipping_cost', 'payment_fee': 'payment_fee', 'marketing': 'marketing_spend',
    }.items() -%}
    select
        order_costs.source_system,
        'cost {{ kind }}' as measure,
        sum(order_costs.reporting_amount) as expected,
        (
            select sum(lines.{{ amount }}_amount) from lines
            where lines.source_system = order_costs.source_system
        ) as found
    from {{ ref('int_order_costs_summed') }} as order_costs
    inner join {{ ref('fact_orders') }} as orders
        on order_costs.source_system = orders.source_system
        and order_costs.order_id = orders.order_id
    where order_costs.cost_kind = '{{ kind }}' and orders.line_count > 0
    group by order_costs.source_system
    union all
    {% endfor -%}
    {% for measure, found in {
        'reporting_gross_amount': 'gross_amount',
        'reporting_discount_amount': 'discount_amount',
        'shipping_cost_amount': 'shipping_cost_amount',
        'payment_fee_amount': 'payment_fee_amount',
    }.items() -%}
    select
        source_system,
        'daily {{ found }}' as measure,
        sum({{ measure }}) as expected,
        (
            select sum(days.{{ found }}) from days
            where days.source_system = valid_lines.source_system
        ) as found
    from valid_lines
    group by source_system
    union all
    {% endfor -%}
    {% for amount, column in {
        'net_revenue': 'net_revenue_amount', 'refunded_net': 'reporting_refunded_net_amount',
    }.items() -%}
    select
        lines.source_system,
        'movements {{ amount }}' as measure,
        sum(lines.{{ column }}) as expected,
        sum(moved.{{ amount }}_amount) as found
    from lines
    inner join moved_amounts as moved
        on lines.source_system = moved.source_system
        and lines.order_id = moved.order_id
        and lines.line_number = moved.line_number
    where lines.net_revenue_amount is not null
    group by lines.source_system
    union all
    {% endfor -%}
    {% for number in [1, 2, 3] -%}
    select
        source_system,
        'daily contribution_margin_{{ number }}_amount' as measure,
        sum(case when not is_margin_missing then contribution_margin_{{ number }}_amount end)
            as expected,
        (
            select sum(days.contribution_margin_{{ number }}_amount) from days
            where days.source_system = valid_lines.source_system
        ) as found
    from valid_lines
    group by source_system
    union all
    {% endfor -%}
    select
        spend.source_system,
        'marketing spend' as measure,
        sum(spend.reporting_amount) as expected,
        (
            select sum(days.marketing_spend_amount + days.unattributed_spend_amount) from days
            where days.source_system = spend.source_system and not days.has_missing_spend
        ) as found
    from spend_days as spend
    group by spend.source_system
    union all
    select
        margins.source_system,
        'refunds' as measure,
        sum(refunds.refunded_amount) as expected,
        sum(margins.refunded_amount) as found
    from order_margins as margins
    inner join order_refunds as refunds
        on margins.source_system = refunds.source_system
        and margins.order_id = refunds.order_id
    group by margins.source_system
)

select * from totals
where coalesce(expected, 0) <> coalesce(found, 0)
