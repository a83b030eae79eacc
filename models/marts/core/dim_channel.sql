with declared_channels as (
    select * from {{ ref('channels') }}
),

named_channels as (
    select channel_id from {{ ref('int_orders_unioned') }}
    union
    select channel_id from {{ ref('int_marketing_spend_unioned') }}
    union
    select channel_id from {{ ref('int_events_unioned') }}
),

undeclared_channels as (
    select named_channels.channel_id
    from named_channels
    left join declared_channels
        on named_channels.channel_id = declared_channels.channel_id
    where named_channels.channel_id is not null and declared_channels.channel_id is null
),

members as (
    select
        {{ surrogate_key(['channel_id']) }} as channel_key,
        channel_id,
        channel_name,
        channel_group,
        is_paid,
        false as is_inferred
    from declared_channels
    union all
    select
        {{ surrogate_key(['channel_id']) }} as channel_key,
        channel_id,
        'Unknown' as channel_name,
        'unknown' as channel_group,
        null as is_paid,
        true as is_inferred
    from undeclared_channels
    union all
    select
        special.member_key as channel_key,
        special.member_key as channel_id,
        special.meaning as channel_name,
        lower(special.meaning) as channel_group,
        null as is_paid,
        false as is_inferred
    from {{ special_members() }}
)

select * from members
