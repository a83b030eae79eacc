{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_system', 'visitor_key', 'event_date_key'] if var('event_stream', false)
        else ['source_system', 'event_id'],
    on_schema_change='fail',
    tags=['stream'],
) }}

{#- Read in several places, each with some of its rows and columns: one CTE would hold it whole. #}
{% set events = ref('int_events_unioned') %}

with user_agents as (
    select * from {{ ref('user_agents') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

{% if is_incremental() -%}
{{ visitor_days_to_build(events, this, 'customers', 'products') }},

{% endif -%}
chosen_events as (
    select events.* from {{ events }} as events
    {% if is_incremental() -%}
    inner join visitor_days
        on events.source_system = visitor_days.source_system
        and coalesce(events.visitor_id, '') = visitor_days.visitor_id
        and events.event_date = visitor_days.event_date
    where
        events.occurred_at >= (select first_moments.first_at from first_moments)
        and events.occurred_at < (select last_moments.last_at from last_moments)
    {%- endif %}
),

{{ sessions('chosen_events', 'user_agents') }},

aligned_events as (
    select
        events.*,
        placed.position - placed.session_position + 1 as session_event_number,
        sessions.session_key,
        coalesce(sessions.visitor_class, 'unknown') as visitor_class,
        coalesce(sessions.device_kind, 'unknown') as device_kind,
        coalesce(events.customer_id, sessions.only_customer_id) as aligned_customer_id
    from chosen_events as events
    left join placed_events as placed
        on events.source_system = placed.source_system
        and events.event_id = placed.event_id
    left join sessions
        on placed.source_system = sessions.source_system
        and placed.visitor = sessions.visitor
        and placed.event_date = sessions.event_date
        and placed.session_position = sessions.session_position
),

keyed_events as (
    select
        events.source_system,
        events.event_id,
        coalesce(events.session_key, '-2') as session_key,
        coalesce(events.session_event_number, -2) as session_event_number,
        {{ member_key(['events.source_system', 'events.visitor_id']) }} as visitor_key,
        events.visitor_class,
        events.device_hash,
        events.device_kind,
        events.event_type,
        {{ date_key('events.event_date') }} as event_date_key,
        events.event_date,
        events.occurred_at,
        events.client_utc_offset_minutes,
        coalesce(customers.customer_key, '-1') as customer_key,
        coalesce(events.aligned_customer_id, '-1') as customer_id,
        events.customer_id is null and events.aligned_customer_id is not null
            as is_customer_aligned,
        coalesce(
            products.product_key, case when events.product_id is null then '-2' else '-1' end
        ) as product_key,
        coalesce(events.product_id, '-2') as product_id,
        coalesce(events.order_id, '-2') as order_id,
        {{ member_key(['events.channel_id']) }} as channel_key,
        events.campaign_id,
        events.page,
        events.search_query,
        events.known_at
    from aligned_events as events
    left join customers
        on events.source_system = customers.source_system
        and events.aligned_customer_id = customers.customer_id
        and {{ is_valid_at('customers', 'events.occurred_at') }}
    left join products
        on events.source_system = products.source_system
        and events.product_id = products.product_id
        and {{ is_valid_at('products', 'events.occurred_at') }}
)

select * from keyed_events
