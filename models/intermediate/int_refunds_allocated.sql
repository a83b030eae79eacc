with refunds as (
    select * from {{ ref('int_refunds_rated') }}
),

lines as (
    select * from {{ ref('int_order_lines_unioned') }}
),

-- A refund of a line that nobody knows falls on the whole order.
refunded_lines as (
    select
        refunds.source_system,
        refunds.refund_id,
        refunds.order_id,
        lines.line_number,
        refunds.refund_date,
        refunds.is_order_currency,
        refunds.amount,
        refunds.rate,
        lines.net_amount,
        lines.tax_amount,
        case when named_lines.line_number is null then lines.shipping_amount else 0 end
            as shipping_amount,
        lines.quantity as sold_quantity,
        case
            when not refunds.is_restocked then 0
            when refunds.line_number is null then lines.quantity
            when named_lines.line_number is null then 0
            else coalesce(refunds.quantity, lines.quantity)
        end as returned_quantity,
        coalesce(refunds.refunded_at, {{ last_instant() }}) as returned_at
    from refunds
    left join lines as named_lines
        on refunds.source_system = named_lines.source_system
        and refunds.order_id = named_lines.order_id
        and refunds.line_number = named_lines.line_number
    inner join lines
        on refunds.source_system = lines.source_system
        and refunds.order_id = lines.order_id
        and lines.line_number = coalesce(named_lines.line_number, lines.line_number)
),

-- Only net may weigh nothing: what is paid back for a gift is net.
components as (
    {% for component in ['net', 'tax', 'shipping'] -%}
    select
        source_system,
        refund_id,
        line_number,
        '{{ component }}' as component,
        amount,
        {{ component }}_amount as weight
    from refunded_lines
    where '{{ component }}' = 'net' or {{ component }}_amount > 0
    {{ "union all" if not loop.last }}
    {% endfor -%}
),

{{ largest_remainder(
    'allocated',
    rows='components',
    whole=['source_system', 'refund_id'],
    part=['line_number', 'component'],
    amount='amount',
    weight='weight',
) }},

line_parts as (
    select
        source_system,
        refund_id,
        line_number,
        sum(case when component = 'net' then part_amount else 0 end) as net_amount,
        sum(case when component = 'tax' then part_amount else 0 end) as tax_amount,
        sum(case when component = 'shipping' then part_amount else 0 end) as shipping_amount
    from allocated
    group by source_system, refund_id, line_number
),

-- Goods cannot come back more often than they were sold.
returned_so_far as (
    select
        *,
        sum(returned_quantity) over (
            partition by source_system, order_id, line_number
            order by returned_at, refund_id
            rows between unbounded preceding and current row
        ) as returned_quantity_so_far
    from refunded_lines
),

allocated_refunds as (
    select
        refunds.source_system,
        refunds.refund_id,
        refunds.order_id,
        refunds.line_number,
        refunds.refund_date,
        refunds.is_order_currency,
        cast(parts.net_amount as decimal(18, 2)) as net_amount,
        cast(parts.tax_amount as decimal(18, 2)) as tax_amount,
        cast(parts.shipping_amount as decimal(18, 2)) as shipping_amount,
        {{ converted('parts.net_amount', 'refunds.rate') }} as reporting_net_amount,
        {{ converted('parts.shipping_amount', 'refunds.rate') }} as reporting_shipping_amount,
        cast(
            least(refunds.returned_quantity_so_far, refunds.sold_quantity)
            - least(
                refunds.returned_quantity_so_far - refunds.returned_quantity,
                refunds.sold_quantity
            ) as integer
        ) as restocked_quantity
    from returned_so_far as refunds
    inner join line_parts as parts
        on refunds.source_system = parts.source_system
        and refunds.refund_id = parts.refund_id
        and refunds.line_number = parts.line_number
)

select * from allocated_refunds
