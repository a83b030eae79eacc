with orders as (
    select * from {{ ref('fact_orders') }}
    where is_valid_order
),

movements as (
    select * from {{ ref('margin_movements') }}
    where is_valid_order
),

months as (
    select * from {{ ref('int_order_months_spanned') }}
),

dated_activity as (
    select
        source_system,
        customer_id,
        order_date as activity_date,
        order_date,
        1 as order_count,
        null as net_revenue_amount,
        null as contribution_margin_amount,
        false as is_margin_missing
    from orders
    union all
    select
        source_system,
        customer_id,
        activity_date,
        null as order_date,
        0 as order_count,
        net_revenue_amount,
        contribution_margin_2_amount as contribution_margin_amount,
        is_margin_missing
    from movements
),

active_months as (
    select
        dated.source_system,
        dated.customer_id,
        months.month_start_date,
        max(dated.order_date) as last_order_date,
        sum(dated.order_count) as order_count,
        sum(dated.net_revenue_amount) as net_revenue_amount,
        sum(dated.contribution_margin_amount) as contribution_margin_amount,
        count(dated.net_revenue_amount) > 0 as has_known_amount,
        count(dated.net_revenue_amount) < count(*) - sum(dated.order_count) as has_missing_rate,
        bool_or(dated.is_margin_missing) as has_missing_margin
    from dated_activity as dated
    inner join months
        on dated.source_system = months.source_system
        and dated.activity_date >= months.month_start_date
        and dated.activity_date <= months.as_of_date
    where dated.customer_id <> '-1'
    group by dated.source_system, dated.customer_id, months.month_start_date
),

first_months as (
    select
        source_system,
        customer_id,
        min(month_start_date) as first_month_date
    from active_months
    group by source_system, customer_id
),

-- Months without an order or refund are zero rows.
customer_months as (
    select
        first_months.source_system,
        first_months.customer_id,
        months.month_start_date,
        months.as_of_date,
        months.reporting_currency,
        active_months.last_order_date,
        {%- for measure in ['order_count', 'net_revenue_amount', 'contribution_margin_amount'] %}
        case when active_months.customer_id is null then 0 else active_months.{{ measure }} end
            as {{ measure }},
        {%- endfor %}
        coalesce(active_months.has_known_amount, false) as has_known_amount,
        coalesce(active_months.has_missing_rate, false) as has_missing_rate,
        coalesce(active_months.has_missing_margin, false) as has_missing_margin
    from first_months
    inner join months
        on first_months.source_system = months.source_system
        and first_months.first_month_date <= months.month_start_date
    left join active_months
        on first_months.source_system = active_months.source_system
        and first_months.customer_id = active_months.customer_id
        and months.month_start_date = active_months.month_start_date
),

activity as (
    select
        source_system,
        customer_id,
        month_start_date,
        as_of_date,
        reporting_currency as currency,
        cast(order_count as integer) as order_count,
        cast(net_revenue_amount as decimal(18, 2)) as net_revenue_amount,
        cast(contribution_margin_amount as decimal(18, 2)) as contribution_margin_2_amount,
        max(last_order_date) over so_far as last_order_date,
        cast(sum(order_count) over so_far as integer) as order_count_so_far,
        cast(
            case when bool_or(has_known_amount) over so_far then sum(net_revenue_amount) over so_far
            end as decimal(18, 2)
        ) as net_revenue_amount_so_far,
        bool_or(has_missing_rate) over so_far as has_missing_rate,
        bool_or(has_missing_margin) over so_far as has_missing_margin
    from customer_months
    window so_far as (
        partition by source_system, customer_id order by month_start_date
        rows between unbounded preceding and current row
    )
)

select * from activity
