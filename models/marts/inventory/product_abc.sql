with periods as (
    select * from {{ ref('int_order_periods_found') }}
),

-- Every product has one row without money, sold or not.
movements as (
    select
        products.source_system,
        products.product_id,
        periods.as_of_date as movement_date,
        null as amount,
        false as is_rate_missing
    from {{ ref('dim_product_current') }} as products
    inner join periods
        on products.source_system = periods.source_system
    union all
    select
        source_system,
        product_id,
        business_date as movement_date,
        net_revenue_amount as amount,
        net_revenue_amount is null as is_rate_missing
    from {{ ref('margin_movements') }}
    where is_valid_order
),

revenue as (
    select
        periods.source_system,
        movements.product_id,
        periods.as_of_date,
        periods.year_start_date as period_start_date,
        periods.reporting_currency as currency,
        bool_or(movements.is_rate_missing) as has_missing_rate,
        cast(
            coalesce(
                sum(movements.amount), case when not bool_or(movements.is_rate_missing) then 0 end
            ) as decimal(18, 2)
        ) as net_revenue_amount
    from movements
    inner join periods
        on movements.source_system = periods.source_system
        and movements.movement_date >= periods.year_start_date
        and movements.movement_date <= periods.as_of_date
    group by all
),

-- Shares are of the positive revenue; equal revenue is one class.
accumulated_revenue as (
    select
        *,
        greatest(net_revenue_amount, 0) as positive_amount,
        sum(greatest(net_revenue_amount, 0)) over (partition by source_system) as total_amount,
        sum(greatest(net_revenue_amount, 0)) over (
            partition by source_system order by net_revenue_amount desc
            range between unbounded preceding and current row
        ) as cumulative_amount,
        sum(greatest(net_revenue_amount, 0)) over (
            partition by source_system, net_revenue_amount
        ) as equal_amount
    from revenue
),

classes as (
    select
        products.source_system,
        products.product_id,
        products.period_start_date,
        products.as_of_date,
        products.net_revenue_amount,
        products.currency,
        products.has_missing_rate,
        case
            when products.net_revenue_amount is not null
                then products.positive_amount / cast(nullif(products.total_amount, 0) as double)
        end as revenue_share,
        case
            when products.net_revenue_amount is not null
                then products.cumulative_amount / cast(nullif(products.total_amount, 0) as double)
        end as cumulative_revenue_share,
        case
            when products.net_revenue_amount is null then null
            when products.cumulative_amount - products.equal_amount < 0.80 * products.total_amount
                then 'A'
            when products.cumulative_amount - products.equal_amount < 0.95 * products.total_amount
                then 'B'
            else 'C'
        end as abc_class,
        coalesce(demand.week_count, 0) as week_count,
        coalesce(demand.stock_out_week_count, 0) as stock_out_week_count,
        demand.mean_weekly_demand,
        demand.weekly_demand_deviation,
        demand.variation_coefficient,
        demand.xyz_class
    from accumulated_revenue as products
    left join {{ ref('int_weekly_demand_classified') }} as demand
        on products.source_system = demand.source_system
        and products.product_id = demand.product_id
)

select * from classes
