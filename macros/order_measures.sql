{#- What the monthly tables count of orders, or of the parts of orders that belong to one seller or
    category: over valid orders, cancelled ones in a count of their own. A share or a mean is the
    ratio of two of them. -#}
{% macro order_measures() -%}
    count(*) filter (where is_valid_order) as order_count,
    cast(
        coalesce(sum(line_count) filter (where is_valid_order), 0) as bigint
    ) as line_count,
    cast(
        coalesce(sum(unit_count) filter (where is_valid_order), 0) as bigint
    ) as unit_count,
    count(
        distinct case when is_valid_order and customer_key <> '-1' then customer_id end
    ) as customer_count,
    {%- for amount in ['gross', 'discount', 'net', 'tax', 'shipping'] %}
    cast(
        coalesce(sum({{ amount }}_amount) filter (where is_valid_order), 0) as decimal(18, 2)
    ) as {{ amount }}_amount,
    {%- endfor %}
    count(*) filter (where not is_valid_order) as cancelled_order_count,
    count(delivery_days) filter (where is_valid_order) as delivered_order_count,
    cast(
        coalesce(sum(delivery_days) filter (where is_valid_order), 0) as bigint
    ) as delivery_days_sum,
    count(days_late) filter (where is_valid_order) as promised_delivery_count,
    count(*) filter (where is_valid_order and is_delivered_late) as late_order_count,
    cast(
        coalesce(sum(review_count) filter (where is_valid_order), 0) as bigint
    ) as review_count,
    cast(
        coalesce(sum(review_score_sum) filter (where is_valid_order), 0) as bigint
    ) as review_score_sum
{%- endmacro %}

{#- The orders that the monthly tables count: valid ones, and cancelled ones. -#}
{% macro is_counted_order(orders) -%}
    (
        {{ orders }}.is_valid_order
        or ({{ orders }}.order_status = 'cancelled' and not {{ orders }}.is_deleted)
    )
{%- endmacro %}
