{# Doublings of the number of steps that are followed: 2^9, each to another channel. #}
{% set doublings = 9 %}

with transitions as (
    select * from {{ ref('channel_transitions') }}
),

-- To stay with a channel only delays what comes, so it is left out.
moves as (
    select
        source_system,
        from_state,
        to_state,
        cast(
            transition_count / cast(
                sum(transition_count) over (partition by source_system, from_state) as double
            ) as decimal(18, 15)
        ) as probability
    from transitions
    where from_state <> to_state
),

removals as (
    select
        source_system,
        from_state as removed_key
    from transitions
    where from_state <> 'start'
    union
    select
        source_system,
        '-2' as removed_key  -- none
    from transitions
),

-- What leads to a channel that is removed leads nowhere. No sum of decimals depends on its order.
steps_0 as (
    select
        removals.source_system,
        removals.removed_key,
        moves.from_state,
        moves.to_state,
        moves.probability
    from removals
    inner join moves
        on removals.source_system = moves.source_system
        and removals.removed_key <> moves.from_state
        and removals.removed_key <> moves.to_state
    where moves.to_state <> 'none'
    union all
    select
        source_system,
        removed_key,
        'conversion' as from_state,
        'conversion' as to_state,
        cast(1 as decimal(18, 15)) as probability
    from removals
),

{% for doubling in range(1, doublings + 1) -%}
steps_{{ doubling }} as (
    select
        first_half.source_system,
        first_half.removed_key,
        first_half.from_state,
        second_half.to_state,
        cast(sum(first_half.probability * second_half.probability) as decimal(18, 15))
            as probability
    from steps_{{ doubling - 1 }} as first_half
    inner join steps_{{ doubling - 1 }} as second_half
        on first_half.source_system = second_half.source_system
        and first_half.removed_key = second_half.removed_key
        and first_half.to_state = second_half.from_state
    group by
        first_half.source_system,
        first_half.removed_key,
        first_half.from_state,
        second_half.to_state
),

{% endfor -%}
outcomes as (
    select
        source_system,
        removed_key,
        sum(case when from_state = 'start' and to_state = 'conversion' then probability else 0 end)
            as remaining_probability,
        sum(case when from_state = 'start' and to_state <> 'conversion' then probability else 0 end)
            as undecided_probability
    from steps_{{ doublings }}
    group by source_system, removed_key
),

compared_outcomes as (
    select
        source_system,
        removed_key as channel_key,
        max(case when removed_key = '-2' then remaining_probability end) over (
            partition by source_system
        ) as conversion_probability,
        remaining_probability,
        undecided_probability
    from outcomes
),

effects as (
    select
        source_system,
        channel_key,
        cast(conversion_probability as decimal(18, 15)) as conversion_probability,
        cast(remaining_probability as decimal(18, 15)) as remaining_probability,
        cast(undecided_probability as decimal(18, 15)) as undecided_probability,
        cast(greatest(coalesce(
            1 - remaining_probability / nullif(conversion_probability, 0), 0
        ), 0) as decimal(18, 15)) as removal_effect
    from compared_outcomes
    where channel_key <> '-2'
)

select * from effects
