{#- What customers did in windows of days, out of the running sums of what they did.

    The CTEs up to `cumulated_days`, over activity by source_system, customer_id, business_date and
    product_id: a row holds from its business_date until before its next_date, and what it says is the sum
    since the activity begins. A product that is seen again while a window of n days still holds it is a
    repeat of n days, from the day on which it is seen again until the earlier day is out of the window:
    so the distinct products of a window are the products of its days less its repeats. -#}
{% macro customer_windows(activity, counts, window_days) -%}
    followed_products as (
        select
            source_system,
            customer_id,
            business_date,
            lag(business_date) over (
                partition by source_system, customer_id, product_id order by business_date
            ) as previous_date
        from {{ activity }}
        where product_id <> '-2'
    ),

    repeats as (
        select
            source_system,
            customer_id,
            business_date,
            previous_date,
            {{ days_between('previous_date', 'business_date') }} as gap_days,
            count(*) as product_count
        from followed_products
        where {{ days_between('previous_date', 'business_date') }} < {{ window_days | last }}
        group by source_system, customer_id, business_date, previous_date
    ),

    moves as (
        select
            source_system,
            customer_id,
            business_date,
            {%- for count in counts %}
            {{ count }}_count,
            {%- endfor %}
            case when product_id <> '-2' then 1 else 0 end as product_count,
            {%- for days in window_days %}
            0 as repeat_count_{{ days }}d,
            {%- endfor %}
            true as is_activity
        from {{ activity }}
        union all
        select
            source_system,
            customer_id,
            business_date,
            {% for count in counts %}0, {% endfor %}0,
            {%- for days in window_days %}
            case when gap_days < {{ days }} then product_count else 0 end,
            {%- endfor %}
            false as is_activity
        from repeats
        {%- for gone_days in window_days %}
        union all
        select
            source_system,
            customer_id,
            cast(previous_date + interval {{ gone_days }} day as date) as business_date,
            {% for count in counts %}0, {% endfor %}0,
            {%- for days in window_days %}
            {{ '-product_count' if days == gone_days else '0' }},
            {%- endfor %}
            false as is_activity
        from repeats
        where gap_days < {{ gone_days }}
        {%- endfor %}
    ),

    customer_days as (
        select
            source_system,
            customer_id,
            business_date,
            {%- for count in counts + ['product'] %}
            cast(sum({{ count }}_count) as integer) as {{ count }}_count,
            {%- endfor %}
            {%- for days in window_days %}
            cast(sum(repeat_count_{{ days }}d) as integer) as repeat_count_{{ days }}d,
            {%- endfor %}
            max(case when is_activity then business_date end) as active_date
        from moves
        group by source_system, customer_id, business_date
    ),

    cumulated_days as (
        select
            source_system,
            customer_id,
            business_date,
            lead(business_date) over days_of_customer as next_date,
            {%- for count in counts + ['product'] %}
            sum({{ count }}_count) over days_of_customer as {{ count }}_count,
            {%- endfor %}
            {%- for days in window_days %}
            sum(repeat_count_{{ days }}d) over days_of_customer as repeat_count_{{ days }}d,
            {%- endfor %}
            max(active_date) over days_of_customer as last_active_date,
            max(case when session_count > 0 then active_date end) over days_of_customer
                as last_session_date,
            max(case when order_count > 0 then active_date end) over days_of_customer
                as last_order_date
        from customer_days
        window days_of_customer as (
            partition by source_system, customer_id order by business_date
        )
    )
{%- endmacro %}
