with orders as (
    select * from {{ ref('fact_orders') }}
),

places as (
    select * from {{ ref('dim_geography') }}
),

reviews as (
    select * from {{ ref('int_order_reviews_summed') }}
),

counted_orders as (
    select
        orders.*,
        cast(date_trunc('month', orders.order_date) as date) as month_start_date,
        places.country_code,
        places.state,
        places.city,
        reviews.review_count,
        reviews.review_score_sum
    from orders
    inner join places
        on orders.geography_key = places.geography_key
    left join reviews
        on orders.source_system = reviews.source_system
        and orders.order_id = reviews.order_id
    where {{ is_counted_order('orders') }}
),

months as (
    select
        source_system,
        {{ date_key('month_start_date') }} as month_date_key,
        month_start_date,
        country_code,
        state,
        city,
        currency,
        {{ order_measures() }}
    from counted_orders
    group by
        source_system,
        month_start_date,
        country_code,
        state,
        city,
        currency
)

select * from months
