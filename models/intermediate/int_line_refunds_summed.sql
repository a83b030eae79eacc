with refunds as (
    select * from {{ ref('int_refunds_allocated') }}
),

line_refunds as (
    select
        source_system,
        order_id,
        line_number,
        cast(sum(case when is_order_currency then net_amount else 0 end) as decimal(18, 2))
            as refunded_net_amount,
        cast(
            case when count(*) = count(reporting_net_amount) then sum(reporting_net_amount) end
            as decimal(18, 2)
        ) as reporting_refunded_net_amount,
        cast(
            case
                when count(*) = count(reporting_shipping_amount) then sum(reporting_shipping_amount)
            end as decimal(18, 2)
        ) as reporting_refunded_shipping_amount,
        cast(sum(restocked_quantity) as integer) as restocked_quantity
    from refunds
    group by source_system, order_id, line_number
)

select * from line_refunds
