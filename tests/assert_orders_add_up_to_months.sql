-- A row is a source, month and currency of which a monthly table differs from the facts: money is
-- that of the lines, orders, deliveries and reviews count once for each place, seller or category.
{%- set tables = {
    'agg_monthly_sales_by_place': 'geography_key',
    'agg_monthly_sales_by_seller': 'seller_key',
    'agg_monthly_sales_by_category': 'category',
} %}
{%- set amounts = ['gross', 'discount', 'net', 'tax', 'shipping'] %}
{%- set outcomes = [
    'order_count', 'cancelled_order_count', 'delivered_order_count', 'delivery_days_sum',
    'promised_delivery_count', 'late_order_count', 'review_count', 'review_score_sum',
] %}
with orders as (
    select
        *,
        case
            when order_date_key = -1 then -1
            else order_date_key - order_date_key % 100 + 1
        end as month_date_key
    from {{ ref('fact_orders') }}
    where is_valid_order or (order_status = 'cancelled' and not is_deleted)
),

order_reviews as (
    select
        source_system,
        order_id,
        count(*) as review_count,
        sum(review_score) as review_score_sum
    from {{ ref('fact_reviews') }}
    group by source_system, order_id
),

categorised_lines as (
    select
        lines.*,
        products.category
    from {{ ref('fact_sales') }} as lines
    left join {{ ref('dim_product') }} as products
        on lines.product_key = products.product_key
),

order_parts as (
    {%- for table, part in tables.items() %}
    select distinct
        '{{ table }}' as monthly_table,
        source_system,
        order_id,
        {{ part }} as part
    from {{ 'orders' if part == 'geography_key' else 'categorised_lines' }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

expected_outcomes as (
    select
        parts.monthly_table,
        orders.source_system,
        orders.month_date_key,
        orders.currency,
        count(case when orders.is_valid_order then 1 end) as order_count,
        count(case when orders.order_status = 'cancelled' then 1 end) as cancelled_order_count,
        count(
            case when orders.is_valid_order and orders.delivered_date_key > 0 then 1 end
        ) as delivered_order_count,
        sum(
            case when orders.is_valid_order then coalesce(orders.delivery_days, 0) else 0 end
        ) as delivery_days_sum,
        count(
            case
                when
                    orders.is_valid_order
                    and orders.delivered_date_key > 0
                    and orders.promised_date_key > 0
                    then 1
            end
        ) as promised_delivery_count,
        count(
            case
                when
                    orders.is_valid_order
                    and orders.promised_date_key > 0
                    and orders.delivered_date_key > orders.promised_date_key
                    then 1
            end
        ) as late_order_count,
        sum(
            case when orders.is_valid_order then coalesce(reviews.review_count, 0) else 0 end
        ) as review_count,
        sum(
            case when orders.is_valid_order then coalesce(reviews.review_score_sum, 0) else 0 end
        ) as review_score_sum
    from order_parts as parts
    inner join orders
        on parts.source_system = orders.source_system
        and parts.order_id = orders.order_id
    left join order_reviews as reviews
        on parts.source_system = reviews.source_system
        and parts.order_id = reviews.order_id
    group by
        parts.monthly_table,
        orders.source_system,
        orders.month_date_key,
        orders.currency
),

expected_money as (
    select
        orders.source_system,
        orders.month_date_key,
        orders.currency,
        {%- for amount in amounts %}
        sum(lines.{{ amount }}_amount) as {{ amount }}_amount,
        {%- endfor %}
        sum(lines.quantity) as unit_count,
        count(*) as line_count
    from {{ ref('fact_sales') }} as lines
    inner join orders
        on lines.source_system = orders.source_system
        and lines.order_id = orders.order_id
    where orders.is_valid_order
    group by orders.source_system, orders.month_date_key, orders.currency
),

months as (
    {%- for table in tables %}
    select
        '{{ table }}' as monthly_table,
        source_system,
        month_date_key,
        currency,
        {%- for amount in amounts %}
        sum({{ amount }}_amount) as {{ amount }}_amount,
        {%- endfor %}
        {%- for outcome in outcomes %}
        sum({{ outcome }}) as {{ outcome }},
        {%- endfor %}
        sum(unit_count) as unit_count,
        sum(line_count) as line_count
    from {{ ref(table) }}
    group by source_system, month_date_key, currency
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select
    coalesce(months.monthly_table, outcomes.monthly_table) as monthly_table,
    coalesce(months.source_system, outcomes.source_system) as source_system,
    coalesce(months.month_date_key, outcomes.month_date_key) as month_date_key,
    coalesce(months.currency, outcomes.currency) as currency,
    months.order_count as month_order_count,
    outcomes.order_count as expected_order_count,
    months.net_amount as month_net_amount,
    amounts.net_amount as expected_net_amount
from months
full outer join expected_outcomes as outcomes
    on months.monthly_table = outcomes.monthly_table
    and months.source_system = outcomes.source_system
    and months.month_date_key = outcomes.month_date_key
    and months.currency = outcomes.currency
left join expected_money as amounts
    on months.source_system = amounts.source_system
    and months.month_date_key = amounts.month_date_key
    and months.currency = amounts.currency
where
    months.line_count is distinct from coalesce(amounts.line_count, 0)
    or months.unit_count is distinct from coalesce(amounts.unit_count, 0)
    {%- for amount in amounts %}
    or months.{{ amount }}_amount is distinct from coalesce(amounts.{{ amount }}_amount, 0)
    {%- endfor %}
    {%- for outcome in outcomes %}
    or months.{{ outcome }} is distinct from outcomes.{{ outcome }}
    {%- endfor %}
