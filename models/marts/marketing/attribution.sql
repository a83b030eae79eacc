with lines as (
    select * from {{ ref('order_margin') }}
),

touches as (
    select * from {{ ref('order_touches') }}
),

effects as (
    select * from {{ ref('channel_removal_effects') }}
),

order_amounts as (
    select
        source_system,
        order_id,
        case when count(*) = count(reporting_net_amount) then sum(reporting_net_amount) end
            as reporting_net_amount,
        case
            when count(*) = count(reporting_refunded_net_amount)
                then sum(reporting_refunded_net_amount)
        end as reporting_refunded_net_amount
    from lines
    group by source_system, order_id
),

named_models as (
    select listed.attribution_model from (
        values
        ('first'),
        ('last'),
        ('last_non_direct'),
        ('linear'),
        ('position'),
        ('time_decay'),
        ('markov')
    ) as listed (attribution_model)
),

weighed_touches as (
    select
        touches.*,
        models.attribution_model,
        {{ attribution_weight('touches', 'models.attribution_model', 'effects.removal_effect') }}
            as weight
    from touches
    left join effects
        on touches.source_system = effects.source_system
        and touches.channel_key = effects.channel_key
    cross join named_models as models
),

-- An amount of 10^10 has 10^12 cents: twelve digits of a share.
{% set whole = ['source_system', 'order_id', 'attribution_model'] -%}
{{ largest_remainder(
    'shared', 'weighed_touches', whole, ['session_key'], '10000000000', 'weight'
) }},

amounts_to_share as (
    select
        touches.*,
        cast(shared.part_amount * 100 as bigint) as share_units,
        amounts.reporting_net_amount,
        amounts.reporting_refunded_net_amount
    from weighed_touches as touches
    inner join shared
        on touches.source_system = shared.source_system
        and touches.order_id = shared.order_id
        and touches.attribution_model = shared.attribution_model
        and touches.session_key = shared.session_key
    left join order_amounts as amounts
        on touches.source_system = amounts.source_system
        and touches.order_id = amounts.order_id
    where shared.part_amount > 0
),

{{ largest_remainder(
    'net', 'amounts_to_share', whole, ['session_key'], 'reporting_net_amount', 'share_units'
) }},

{{ largest_remainder(
    'refunded', 'amounts_to_share', whole, ['session_key'],
    'reporting_refunded_net_amount', 'share_units'
) }},

attributed as (
    select
        touches.source_system,
        touches.order_id,
        touches.attribution_model,
        touches.session_key,
        touches.touch_number,
        touches.touch_count,
        touches.channel_key,
        touches.campaign_id,
        touches.order_date_key,
        touches.order_date,
        touches.identity_key,
        touches.is_first_order,
        cast(touches.share_units / 1000000000000.0 as decimal(18, 12)) as order_share,
        touches.reporting_currency,
        net.part_amount as reporting_net_amount,
        refunded.part_amount as reporting_refunded_net_amount,
        cast(net.part_amount - refunded.part_amount as decimal(18, 2)) as net_revenue_amount
    from amounts_to_share as touches
    inner join net
        on touches.source_system = net.source_system
        and touches.order_id = net.order_id
        and touches.attribution_model = net.attribution_model
        and touches.session_key = net.session_key
    inner join refunded
        on touches.source_system = refunded.source_system
        and touches.order_id = refunded.order_id
        and touches.attribution_model = refunded.attribution_model
        and touches.session_key = refunded.session_key
)

select * from attributed
