with accepted as (
    select * from {{ ref('base_olist__order_reviews') }}
    where _status = 'accepted'
),

renamed as (
    select
        review_id,
        order_id,

        review_score,
        review_comment_title_token is not null as has_title,
        review_comment_message_token is not null as has_comment,

        review_creation_date as survey_sent_at,
        review_answer_timestamp as answered_at,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
