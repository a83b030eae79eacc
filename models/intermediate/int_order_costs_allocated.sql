with costs as (
    select * from {{ ref('int_order_costs_summed') }}
),

lines as (
    select * from {{ ref('int_order_lines_unioned') }}
),

costs_of_lines as (
    select
        costs.source_system,
        costs.order_id,
        costs.cost_kind,
        costs.reporting_amount,
        lines.line_number,
        lines.net_amount + lines.tax_amount + lines.shipping_amount as line_total_amount
    from costs
    inner join lines
        on costs.source_system = lines.source_system
        and costs.order_id = lines.order_id
),

{{ largest_remainder(
    'allocated',
    rows='costs_of_lines',
    whole=['source_system', 'order_id', 'cost_kind'],
    part=['line_number'],
    amount='reporting_amount',
    weight='line_total_amount',
) }},

-- A line has one part of each kind: 0 where the order has no such cost, NULL where it is unknown.
allocated_costs as (
    select
        source_system,
        order_id,
        line_number,
        cast(
            case
                when count(case when cost_kind = 'shipping' then 1 end) = 0 then 0
                else max(case when cost_kind = 'shipping' then part_amount end)
            end as decimal(18, 2)
        ) as shipping_amount,
        cast(
            case
                when count(case when cost_kind = 'payment_fee' then 1 end) = 0 then 0
                else max(case when cost_kind = 'payment_fee' then part_amount end)
            end as decimal(18, 2)
        ) as payment_fee_amount,
        cast(
            case
                when count(case when cost_kind = 'marketing' then 1 end) = 0 then 0
                else max(case when cost_kind = 'marketing' then part_amount end)
            end as decimal(18, 2)
        ) as marketing_amount
    from allocated
    group by source_system, order_id, line_number
)

select * from allocated_costs
