with olist_latest as (
    {{ latest_rows(
        ref('stg_olist__order_reviews'), ['review_id', 'order_id'], has_operations=false
    ) }}
),

reviews as (
    select
        'olist' as source_system,
        review_id,
        order_id,
        review_score,
        has_title,
        has_comment,
        survey_sent_at,
        answered_at,
        known_at
    from olist_latest
)

select * from reviews
