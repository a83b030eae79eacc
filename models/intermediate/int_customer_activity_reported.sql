{{ config(tags=['stream'], **daily_customer_feature('business_date')) }}
{% set counts = ['session', 'product_view', 'search', 'add_to_cart', 'checkout', 'purchase'] %}

with events as (
    select
        seen.*,
        {{ reported_at('event_date', 'seen.source_system') }} as reported_at
    from {{ ref('int_events_unioned') }} as seen
    {{ join_touched(touched_visitors(), 'seen', ['visitor_id']) }}
    where {{ is_wanted_day('seen.event_date') }} and {{ is_near_wanted_day('seen.occurred_at') }}
),

orders as (
    select
        *,
        {{ reported_at('order_date', 'source_system') }} as reported_at
    from {{ ref('int_orders_first_known') }}
    where customer_id is not null and {{ is_wanted_day('order_date') }}
),

lines as (
    select * from {{ ref('int_order_lines_first_known') }}
),

reported_events as (
    select * from events
    where known_at <= reported_at
),

-- Sessions are those of what was known: an event that came late may since have joined two of them.
{{ sessions('reported_events', ref('user_agents')) }},

customer_events as (
    select
        events.source_system,
        coalesce(events.customer_id, sessions.only_customer_id) as customer_id,
        events.event_date as business_date,
        coalesce(events.product_id, '-2') as product_id,
        events.event_type,
        sessions.session_key
    from reported_events as events
    inner join placed_events as placed
        on events.source_system = placed.source_system
        and events.event_id = placed.event_id
    inner join sessions
        on placed.source_system = sessions.source_system
        and placed.visitor = sessions.visitor
        and placed.event_date = sessions.event_date
        and placed.session_position = sessions.session_position
    where
        sessions.visitor_class = 'person'
        and coalesce(events.customer_id, sessions.only_customer_id) is not null
),

session_products as (
    select
        source_system,
        customer_id,
        business_date,
        product_id,
        -- A session is counted at one of its rows, so that they add up.
        case
            when row_number() over (partition by session_key, customer_id order by product_id) = 1
                then 1
            else 0
        end as session_count,
        {%- for event_type in counts if event_type != 'session' %}
        sum(case when event_type = '{{ event_type }}' then 1 else 0 end) as {{ event_type }}_count,
        {%- endfor %}
        0 as order_count
    from customer_events
    group by source_system, customer_id, business_date, product_id, session_key
),

reported_orders as (
    select
        orders.source_system,
        orders.customer_id,
        orders.order_date as business_date,
        count(distinct orders.order_id) as order_count
    from orders
    inner join lines
        on orders.source_system = lines.source_system
        and orders.order_id = lines.order_id
        and orders.reported_at >= lines.available_at
    where coalesce(lines.ended_available_at > orders.reported_at, true)
    group by orders.source_system, orders.customer_id, orders.order_date
),

activity as (
    select * from session_products
    union all
    select
        source_system,
        customer_id,
        business_date,
        '-2' as product_id,
        {%- for count in counts %}
        0 as {{ count }}_count,
        {%- endfor %}
        order_count
    from reported_orders
),

daily_activity as (
    select
        source_system,
        customer_id,
        business_date,
        product_id,
        {%- for count in counts %}
        cast(sum({{ count }}_count) as integer) as {{ count }}_count,
        {%- endfor %}
        cast(sum(order_count) as integer) as order_count
    from activity
    group by source_system, customer_id, business_date, product_id
)

select daily_activity.* from daily_activity
{{ join_touched(touched_customers(), 'daily_activity', ['customer_id']) }}
