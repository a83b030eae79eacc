with reviews as (
    select * from {{ ref('int_reviews_unioned') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

reviews_of_orders as (
    select
        reviews.*,
        orders.customer_id,
        coalesce(orders.geography_key, '-1') as geography_key,
        coalesce(orders.order_date_key, -1) as order_date_key,
        coalesce(orders.is_valid_order, false) as is_valid_order,
        orders.days_late,
        orders.is_delivered_late,
        coalesce(
            reviews.answered_at, reviews.survey_sent_at, orders.placed_at, {{ last_instant() }}
        ) as happened_at,
        {{ setting_of('reviews.source_system', 'time_zone', 'UTC') }} as time_zone,
        row_number() over (
            partition by reviews.source_system, reviews.order_id
            order by
                reviews.answered_at desc nulls last,
                reviews.survey_sent_at desc nulls last,
                reviews.review_id desc
        ) as recency
    from reviews
    left join orders
        on reviews.source_system = orders.source_system
        and reviews.order_id = orders.order_id
),

keyed_reviews as (
    select
        reviews.source_system,
        reviews.review_id,
        reviews.order_id,
        coalesce(customers.customer_key, '-1') as customer_key,
        coalesce(reviews.customer_id, '-1') as customer_id,
        reviews.geography_key,
        reviews.order_date_key,
        {{ milestone_key('reviews.survey_sent_at', 'reviews.time_zone', is_due='true') }}
            as survey_sent_date_key,
        {{ milestone_key('reviews.answered_at', 'reviews.time_zone', is_due='true') }}
            as answered_date_key,
        reviews.is_valid_order,
        reviews.recency = 1 as is_last_of_order,
        reviews.has_title,
        reviews.has_comment,
        reviews.review_score,
        reviews.survey_sent_at,
        reviews.answered_at,
        {{ hours_between('reviews.survey_sent_at', 'reviews.answered_at') }} as answer_hours,
        reviews.days_late,
        reviews.is_delivered_late,
        reviews.known_at
    from reviews_of_orders as reviews
    left join customers
        on reviews.source_system = customers.source_system
        and reviews.customer_id = customers.customer_id
        and {{ is_valid_at('customers', 'reviews.happened_at') }}
)

select * from keyed_reviews
