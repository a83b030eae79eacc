with spend as (
    select * from {{ ref('int_marketing_spend_unioned') }}
),

orders as (
    select * from {{ ref('int_orders_totalled') }}
),

channel_days as (
    select
        source_system,
        spend_date,
        channel_id,
        case when count(*) = count(reporting_amount) then sum(reporting_amount) end
            as reporting_amount
    from spend
    group by source_system, spend_date, channel_id
),

orders_of_channels as (
    select
        channel_days.source_system,
        channel_days.spend_date,
        channel_days.channel_id,
        channel_days.reporting_amount,
        orders.order_id
    from channel_days
    inner join orders
        on channel_days.source_system = orders.source_system
        and channel_days.spend_date = orders.order_date
        and channel_days.channel_id = orders.channel_id
    where orders.is_valid_order
),

{{ largest_remainder(
    'allocated',
    rows='orders_of_channels',
    whole=['source_system', 'spend_date', 'channel_id'],
    part=['order_id'],
    amount='reporting_amount',
    weight='1',
) }},

allocated_spend as (
    select
        source_system,
        order_id,
        spend_date,
        channel_id,
        part_amount as reporting_amount
    from allocated
)

select * from allocated_spend
