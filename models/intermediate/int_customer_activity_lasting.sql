{{ config(materialized='view') }}

{% set counts = ['session', 'product_view', 'search', 'add_to_cart', 'checkout', 'purchase', 'order'] %}
{# The longest window of the features, and how long a customer who does nothing more is followed. #}
{% set window_days, active_days = 30, 90 %}

with activity as (
    select * from {{ ref('int_customer_activity_reported') }}
),

customer_days as (
    select
        source_system,
        customer_id,
        business_date,
        {%- for count in counts %}
        sum({{ count }}_count) as {{ count }}_count
        {{- "," if not loop.last }}
        {%- endfor %}
    from activity
    group by source_system, customer_id, business_date
),

followed_days as (
    select
        *,
        lead(business_date) over days_of_customer as next_date,
        max(case when session_count > 0 then business_date end) over days_of_customer
            as last_session_date,
        max(case when order_count > 0 then business_date end) over days_of_customer
            as last_order_date
    from customer_days
    window days_of_customer as (
        partition by source_system, customer_id order by business_date
    )
),

followed_products as (
    select
        source_system,
        customer_id,
        business_date,
        lead(business_date) over (
            partition by source_system, customer_id, product_id order by business_date
        ) as next_date
    from activity
    where product_id <> '-2'
),

-- A product counts on the last day on which it was seen, so once, until it is seen again.
lasting_products as (
    select
        source_system,
        customer_id,
        business_date,
        least(
            coalesce({{ days_between('business_date', 'next_date') }}, {{ window_days }}),
            {{ window_days }}
        ) as lasting_days
    from followed_products
),

lasting_activity as (
    select
        source_system,
        customer_id,
        business_date,
        greatest(
            least(
                coalesce({{ days_between('business_date', 'next_date') }}, {{ active_days }}),
                {{ active_days }}
            ), {{ window_days }}
        ) as lasting_days,
        false as is_of_products,
        last_session_date,
        last_order_date,
        {%- for count in counts %}
        cast({{ count }}_count as integer) as {{ count }}_count,
        {%- endfor %}
        0 as product_count
    from followed_days
    union all
    select
        source_system,
        customer_id,
        business_date,
        lasting_days,
        true as is_of_products,
        cast(null as date) as last_session_date,
        cast(null as date) as last_order_date,
        {%- for count in counts %}
        0 as {{ count }}_count,
        {%- endfor %}
        cast(count(*) as integer) as product_count
    from lasting_products
    group by source_system, customer_id, business_date, lasting_days
)

select * from lasting_activity
