-- A row is a source whose reviews in the star differ from the latest staged ones, or of which an
-- order with reviews has not exactly one last review.
with staged_reviews as (
    select
        'olist' as source_system,
        order_id,
        max_by(
            review_score, (coalesce(_extracted_at, timestamp '1900-01-01'), _content_hash)
        ) as review_score
    from {{ ref('stg_olist__order_reviews') }}
    group by review_id, order_id
),

staged_totals as (
    select
        source_system,
        count(*) as review_count,
        sum(review_score) as review_score_sum,
        count(distinct order_id) as last_review_count
    from staged_reviews
    group by source_system
),

fact_totals as (
    select
        source_system,
        count(*) as review_count,
        sum(review_score) as review_score_sum,
        sum(case when is_last_of_order then 1 else 0 end) as last_review_count
    from {{ ref('fact_reviews') }}
    group by source_system
)

select
    coalesce(staged.source_system, facts.source_system) as source_system,
    staged.review_count as staged_reviews,
    facts.review_count as fact_reviews,
    staged.last_review_count as reviewed_orders,
    facts.last_review_count as last_reviews
from staged_totals as staged
full outer join fact_totals as facts
    on staged.source_system = facts.source_system
where
    staged.review_count is distinct from facts.review_count
    or staged.review_score_sum is distinct from facts.review_score_sum
    or staged.last_review_count is distinct from facts.last_review_count
