with reviews as (
    select * from {{ ref('int_reviews_unioned') }}
),

reviews_of_orders as (
    select
        source_system,
        order_id,
        count(*) as review_count,
        sum(review_score) as review_score_sum
    from reviews
    group by source_system, order_id
)

select * from reviews_of_orders
